/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own termios2 in place of the C library's termios: it takes any
 * speed, as a number.
 */
#include "net/serial.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A UART divides its clock: what it comes to may be this far from what was
 * asked for. Beyond some five per cent bytes are no longer understood. */
static bool is_near(uint32_t got, uint32_t wanted)
{
    uint32_t off = got > wanted ? got - wanted : wanted - got;

    return off <= wanted / 33;
}

/* Without HUPCL: some machines are reset when DTR falls. */
static int set_line(int fd, const struct bh_place *place, const char **why)
{
    struct termios2 line;

    if (ioctl(fd, TCGETS2, &line) != 0) {
        *why = errno == ENOTTY ? "it is no serial device" : NULL;
        return -errno;
    }
    line.c_iflag = IGNBRK;
    line.c_oflag = 0;
    line.c_lflag = 0;
    line.c_cflag = CS8 | CREAD | CLOCAL | BOTHER;
    line.c_cflag |= place->rtscts ? CRTSCTS : 0;
    line.c_ispeed = line.c_ospeed = place->baud;
    memset(line.c_cc, 0, sizeof line.c_cc);
    line.c_cc[VMIN] = 1;
    if (ioctl(fd, TCSETS2, &line) != 0 || ioctl(fd, TCGETS2, &line) != 0)
        return -errno;
    if (is_near(line.c_ospeed, place->baud))
        return 0;
    *why = "the device cannot do this speed";
    return -EINVAL;
}

/* Where the driver has it: otherwise it may hold received bytes back for up to
 * 16 ms to save interrupts. */
static void hurry(int fd)
{
    struct serial_struct serial;

    if (ioctl(fd, TIOCGSERIAL, &serial) != 0)
        return;
    serial.flags |= (int)ASYNC_LOW_LATENCY;
    (void)ioctl(fd, TIOCSSERIAL, &serial);
}

static const char *advice(int error)
{
    if (error == -ENOENT || error == -ENXIO || error == -ENODEV)
        return "there is no such device; is it plugged in?";
    if (error == -EACCES)
        return "this user may not open it; usually the group dialout may";
    if (error == -EWOULDBLOCK || error == -EBUSY)
        return "another program uses it";
    return NULL;
}

int bh_serial_open(const struct bh_place *place, const char **why)
{
    int fd = open(place->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;

    *why = NULL;
    if (error == 0)
        error = set_line(fd, place, why);
    if (error == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0)
        error = -errno;
    if (error == 0) {
        hurry(fd);
        (void)ioctl(fd, TCFLSH, TCIOFLUSH);
        return fd;
    }
    if (*why == NULL)
        *why = advice(error);
    if (fd >= 0)
        close(fd);
    return error;
}

uint32_t bh_serial_us(uint32_t baud, uint64_t bytes)
{
    return (uint32_t)(bytes * 10u * 1000000u / baud);
}
