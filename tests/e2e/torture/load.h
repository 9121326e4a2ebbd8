/* SPDX-License-Identifier: MIT */
/*
 * What one client of a torture does, and what it knows of each sector. The
 * protocol is not its business.
 *
 * An image's sectors 0 to commons - 1 are written by several clients; `first`
 * to first + count - 1 by this one alone. There a READ must return the last
 * value that was acknowledged, no other. In a common sector a value that was
 * seen overwritten, by whichever client, must not come back.
 *
 * Invariant: no sector has two requests under way from one client.
 */
#ifndef BH_TORTURE_LOAD_H
#define BH_TORTURE_LOAD_H

#include "board.h"
#include "sector.h"

#include <netinet/in.h>

#define LOAD_SECTOR_LEN_MAX 16384u

/* One sector as this client knows it. */
struct load_sector {
    uint64_t sent;     /* sequence of the newest WRITE */
    uint64_t acked;    /* and of the last that was answered */
    struct value seen; /* common: the newest value known to have been there */
    uint64_t dead[BOARD_SLOTS]; /* common: the board's, as the READ began */
};

struct load {
    const char *kind;
    uint16_t port; /* of the path, on 127.0.0.1 */
    const char *volume;
    const char *path; /* of the volume's file */
    uint32_t image;
    uint32_t commons, first, count;
    uint8_t exponent;
    uint64_t random;

    uint32_t slot;
    struct board *board;
    struct board_slot *told;
    uint64_t sequence;
    size_t sector_len;
    struct load_sector *sectors; /* commons, then its own */
    uint64_t requests;
};

/* The options in argv, the board, and SIGTERM as the sign to stop. Exits if
 * something is wrong. */
void load_init(struct load *load, int argc, char **argv);
bool load_stopping(void);

uint32_t load_draw(struct load *load, uint32_t below);

/* Any of the client's sectors. */
uint32_t load_pick(struct load *load);
struct load_sector *load_sector_of(struct load *load, uint32_t lsn);

/* A WRITE of `lsn`: fills `data`; call load_wrote() when it is answered. */
void load_write(struct load *load, uint32_t lsn, uint8_t *data);
void load_wrote(struct load *load, uint32_t lsn);

/* A READ of `lsn`; call load_got() with what it brought. */
void load_read(struct load *load, uint32_t lsn);
void load_got(struct load *load, uint32_t lsn, const uint8_t *data);

/* Its own sectors in the file itself. */
void load_verify_file(struct load *load);

/* The promise is broken: says so and counts. */
void load_violation(struct load *load, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An error that a client must not see; it cannot go on. */
_Noreturn void load_failed(struct load *load, const char *what, uint32_t lsn,
                           int status);

/* A socket to the path, and the clock. */
int load_socket(const struct load *load);
uint64_t load_now_ms(void);

#endif
