/* SPDX-License-Identifier: MIT */
/* A terminal as the chip of line.h, for systems with POSIX; a tick is 20 ms. */
#include "posix/tty.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "line.h"

#include "tiny/drive.h"

#define TICK_MS 20

static int line = -1;
static long due_ms;

int bh_tty_open(const char *path)
{
    struct termios mode;

    line = open(path, O_RDWR | O_NOCTTY);
    if (line < 0 || tcgetattr(line, &mode) != 0)
        return -1;
    mode.c_iflag = 0;
    mode.c_oflag = 0;
    mode.c_lflag = 0;
    mode.c_cflag =
        (mode.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD | CLOCAL;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return tcsetattr(line, TCSANOW, &mode) == 0 ? line : -1;
}

void bh_chip_open(void)
{
}

void bh_chip_put(uint8_t byte)
{
    while (write(line, &byte, 1) == 0)
        ;
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void bh_chip_start_timer(void)
{
    due_ms = now_ms() + bh_drive.wait * TICK_MS;
}

uint16_t bh_chip_get(void)
{
    struct pollfd in;
    long left_ms = due_ms - now_ms();
    uint8_t byte;

    in.fd = line;
    in.events = POLLIN;
    if (left_ms <= 0 || poll(&in, 1, (int)left_ms) <= 0 ||
        read(line, &byte, 1) != 1)
        return BH_CHIP_LATE;
    return byte;
}
