/* SPDX-License-Identifier: MIT */
/*
 * bench_cable BAUD: two pseudo-terminals with a serial cable between them,
 * which carries each byte in the time that ten bits take. Prints the names of
 * their far ends and goes on until its standard input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FIFO_LEN 4096u /* as a serial driver's */
#define NAP_NS 50000u  /* what comes within it, comes together */
#define IDLE_NS 10000000u

/* One direction. */
struct wire {
    int from, to;
    uint8_t bytes[FIFO_LEN];
    uint64_t due_ns[FIFO_LEN];
    size_t head, count;
    uint64_t free_ns; /* when the last byte will have passed */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void take(struct wire *wire, uint64_t byte_ns)
{
    uint8_t got[FIFO_LEN];
    ssize_t len = read(wire->from, got, FIFO_LEN - wire->count);
    uint64_t now = now_ns();

    if (wire->free_ns < now)
        wire->free_ns = now;
    for (ssize_t i = 0; i < len; i++) {
        size_t at = (wire->head + wire->count++) % FIFO_LEN;

        wire->free_ns += byte_ns;
        wire->bytes[at] = got[i];
        wire->due_ns[at] = wire->free_ns;
    }
}

static void give(struct wire *wire)
{
    uint64_t now = now_ns();

    while (wire->count > 0 && wire->due_ns[wire->head] <= now) {
        size_t len = 1;

        while (len < wire->count && wire->head + len < FIFO_LEN &&
               wire->due_ns[wire->head + len] <= now)
            len++;
        ssize_t done = write(wire->to, wire->bytes + wire->head, len);

        if (done <= 0)
            return;
        wire->head = (wire->head + (size_t)done) % FIFO_LEN;
        wire->count -= (size_t)done;
    }
}

static uint64_t wait_ns(const struct wire *wire)
{
    uint64_t now = now_ns(), due;

    if (wire->count == 0)
        return IDLE_NS;
    due = wire->due_ns[wire->head];
    return due < now + NAP_NS ? NAP_NS : due - now;
}

static int open_end(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), far;
    struct termios line;

    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0)
        return -1;
    far = open(ptsname(fd), O_RDWR | O_NOCTTY); /* stays open: no hang-up */
    if (far < 0 || tcgetattr(far, &line) != 0)
        return -1;
    cfmakeraw(&line);
    tcsetattr(far, TCSANOW, &line);
    printf("%s\n", ptsname(fd));
    return fd;
}

static void carry(struct wire wires[2], uint64_t byte_ns)
{
    for (;;) {
        struct pollfd events[3] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        uint64_t a = wait_ns(&wires[0]), b = wait_ns(&wires[1]);
        struct timespec nap = {.tv_nsec = (long)(a < b ? a : b)};

        for (int i = 0; i < 2; i++)
            events[1 + i] = (struct pollfd){
                .fd = wires[i].count < FIFO_LEN ? wires[i].from : -1,
                .events = POLLIN};
        if (ppoll(events, 3, &nap, NULL) < 0 && errno != EINTR)
            return;
        if (events[0].revents != 0)
            return;
        for (int i = 0; i < 2; i++) {
            if (events[1 + i].revents & POLLIN)
                take(&wires[i], byte_ns);
            give(&wires[i]);
        }
    }
}

int main(int argc, char **argv)
{
    static struct wire wires[2];
    long baud = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    int one, two;

    if (baud < 50) {
        fprintf(stderr, "usage: bench_cable BAUD\n");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    one = open_end();
    two = open_end();
    if (one < 0 || two < 0) {
        fprintf(stderr, "no pseudo-terminal: %s\n", strerror(errno));
        return 1;
    }
    fflush(stdout);
    wires[0].from = wires[1].to = one;
    wires[0].to = wires[1].from = two;
    carry(wires, 10000000000u / (uint64_t)baud);
    return 0;
}
