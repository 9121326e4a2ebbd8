/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VIOLATIONS_PRINTED 10

static volatile sig_atomic_t stopping;

static void on_term(int number)
{
    (void)number;
    stopping = 1;
}

bool load_stopping(void)
{
    return stopping != 0;
}

static uint64_t number_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: KIND PORT VOLUME FILE IMAGE COMMONS FIRST COUNT "
                    "EXPONENT SEED SLOT BOARD\n");
    exit(64);
}

void load_init(struct load *load, int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_term};

    if (argc != 13)
        usage();
    load->kind = argv[1];
    load->port = (uint16_t)number_of(argv[2]);
    load->volume = argv[3];
    load->path = argv[4];
    load->image = (uint32_t)number_of(argv[5]);
    load->commons = (uint32_t)number_of(argv[6]);
    load->first = (uint32_t)number_of(argv[7]);
    load->count = (uint32_t)number_of(argv[8]);
    load->exponent = (uint8_t)number_of(argv[9]);
    load->random = number_of(argv[10]) * 0x9E3779B97F4A7C15u + 1;
    load->slot = (uint32_t)number_of(argv[11]);
    load->board = board_open(argv[12]);
    load->sector_len = (size_t)128 << load->exponent;
    load->sectors = calloc(load->commons + load->count, sizeof *load->sectors);
    if (load->board == NULL || load->sectors == NULL ||
        load->slot >= BOARD_SLOTS || load->commons > BOARD_COMMONS ||
        load->exponent > 7)
        usage();
    load->told = &load->board->slots[load->slot];
    sigaction(SIGTERM, &action, NULL);
    setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

uint32_t load_draw(struct load *load, uint32_t below)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return (uint32_t)((load->random >> 33) % below);
}

uint32_t load_pick(struct load *load)
{
    uint32_t at = load_draw(load, load->commons + load->count);

    return at < load->commons ? at : load->first + at - load->commons;
}

struct load_sector *load_sector_of(struct load *load, uint32_t lsn)
{
    return &load->sectors[lsn < load->commons
                              ? lsn
                              : load->commons + lsn - load->first];
}

static uint32_t writer_of(const struct load *load)
{
    return load->slot + 1;
}

/*
 * WRITEs.
 */

void load_write(struct load *load, uint32_t lsn, uint8_t *data)
{
    struct load_sector *sector = load_sector_of(load, lsn);

    sector->sent = ++load->sequence;
    sector_fill(data, load->sector_len, load->image, lsn,
                (struct value){writer_of(load), sector->sent});
}

/* What was there before `value`, seen by this client or of the same writer, is
 * overwritten for everybody. */
static void bury(struct load *load, uint32_t lsn, struct value old,
                 struct value value)
{
    _Atomic uint64_t *dead = load->board->dead[lsn];

    if (old.sequence != 0 &&
        (old.writer != value.writer || old.sequence != value.sequence))
        board_raise(&dead[old.writer - 1], old.sequence);
    if (value.sequence != 0)
        board_raise(&dead[value.writer - 1], value.sequence - 1);
}

void load_wrote(struct load *load, uint32_t lsn)
{
    struct load_sector *sector = load_sector_of(load, lsn);
    struct value mine = {writer_of(load), sector->sent};

    sector->acked = sector->sent;
    if (lsn < load->commons)
        bury(load, lsn, sector->seen, mine);
    sector->seen = mine;
    load->told->writes++;
}

/*
 * READs.
 */

void load_read(struct load *load, uint32_t lsn)
{
    struct load_sector *sector = load_sector_of(load, lsn);

    if (lsn < load->commons)
        for (uint32_t i = 0; i < BOARD_SLOTS; i++)
            sector->dead[i] = load->board->dead[lsn][i];
}

/* Whether a common sector may hold `value` now. */
static bool may_be(const struct load *load, const struct load_sector *sector,
                   struct value value)
{
    if (value.sequence == 0)
        return sector->seen.sequence == 0;
    if (value.writer == 0 || value.writer > BOARD_SLOTS)
        return false;
    if (value.writer == writer_of(load) && value.sequence != sector->acked)
        return false;
    return value.sequence > sector->dead[value.writer - 1];
}

static void check_common(struct load *load, uint32_t lsn, struct value value)
{
    struct load_sector *sector = load_sector_of(load, lsn);

    if (may_be(load, sector, value)) {
        bury(load, lsn, sector->seen, value);
        sector->seen = value;
        return;
    }
    load_violation(load,
                   "common lsn %u: writer %u's sequence %llu came back (seen "
                   "last: writer %u, %llu; own last: %llu)",
                   lsn, value.writer, (unsigned long long)value.sequence,
                   sector->seen.writer,
                   (unsigned long long)sector->seen.sequence,
                   (unsigned long long)sector->acked);
}

static void check_own(struct load *load, uint32_t lsn, struct value value)
{
    const struct load_sector *sector = load_sector_of(load, lsn);

    if (value.sequence == sector->acked)
        return;
    load_violation(load, "lsn %u holds sequence %llu, %llu was acknowledged",
                   lsn, (unsigned long long)value.sequence,
                   (unsigned long long)sector->acked);
}

static void check(struct load *load, uint32_t lsn, const uint8_t *data)
{
    char text[SECTOR_TEXT_LEN];
    struct value value;

    load->told->verified++;
    if (!sector_parse(data, load->sector_len, load->image, lsn, &value)) {
        sector_describe(data, text);
        load_violation(load, "lsn %u is torn or foreign: %s", lsn, text);
    } else if (lsn < load->commons) {
        check_common(load, lsn, value);
    } else {
        check_own(load, lsn, value);
    }
}

void load_got(struct load *load, uint32_t lsn, const uint8_t *data)
{
    load->told->reads++;
    check(load, lsn, data);
}

void load_verify_file(struct load *load)
{
    uint8_t data[LOAD_SECTOR_LEN_MAX];
    int fd = open(load->path, O_RDONLY | O_CLOEXEC);

    for (uint32_t i = 0; i < load->commons + load->count; i++) {
        uint32_t lsn = i < load->commons ? i : load->first + i - load->commons;

        load_read(load, lsn);
        if (pread(fd, data, load->sector_len,
                  (off_t)((uint64_t)lsn * load->sector_len)) !=
            (ssize_t)load->sector_len)
            load_violation(load, "lsn %u is not in the file", lsn);
        else
            check(load, lsn, data);
    }
    close(fd);
}

/*
 * Faults.
 */

void load_violation(struct load *load, const char *format, ...)
{
    va_list list;

    if (load->told->violations++ >= VIOLATIONS_PRINTED)
        return;
    fprintf(stderr, "VIOLATION %s in slot %u, request %llu: ", load->kind,
            load->slot, (unsigned long long)load->requests);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
}

_Noreturn void load_failed(struct load *load, const char *what, uint32_t lsn,
                           int status)
{
    load_violation(load, "%s of lsn %u ended with %d", what, lsn, status);
    exit(1);
}

/*
 * The path.
 */

int load_socket(const struct load *load)
{
    struct sockaddr_in path = {.sin_family = AF_INET,
                               .sin_port = htons(load->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const void *)&path, sizeof path) != 0) {
        perror("torture: socket");
        exit(1);
    }
    return fd;
}

uint64_t load_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
