/* SPDX-License-Identifier: MIT */
/*
 * Bytes instead of sectors: of a READ or WRITE whose bytes begin or end within
 * a sector, the sectors at its edges, and where everything else of it lies.
 *
 *   sector      0        1      ...      last
 *            |--####|########|#########|###-----|
 *             before     the caller's       after
 *
 * A WRITE reads its edges before it writes anything, and those reads are parts
 * of it like its sectors: parts 0 to `reads` - 1 are the edges, then come all
 * sectors. As it is a WRITE from its beginning to its end, no other request of
 * this disk touches its sectors in between (requests.h, invariant 1).
 */
#ifndef BH_CLIENT_EDGES_H
#define BH_CLIENT_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_EDGES_MAX 2u

struct bh_request;

struct bh_edges {
    uint8_t *bytes;         /* room for two sectors; the disk's */
    uint32_t before, after; /* bytes that are not the caller's */
    uint8_t reads;          /* parts that read them; 0 for a READ */
};

/* Sets `wanted`, of which `kind` is known, to the sectors that hold `len` bytes
 * from `offset` on. False: some lie behind the last sector number. */
bool bh_edges_cut(struct bh_request *wanted, uint64_t offset, size_t len,
                  uint32_t sector_len);

/* Whether room for edges is needed. */
bool bh_edges_any(const struct bh_request *request);

/* Whether part `at` of a WRITE reads an edge. */
bool bh_edges_is_read(const struct bh_request *request, uint32_t at);

/* Which of the request's sectors part `at` is about. */
uint32_t bh_edges_sector(const struct bh_request *request, uint32_t at);

/* Where the whole sector of part `at` is put by a READ, or taken from by a
 * WRITE. */
uint8_t *bh_edges_in(const struct bh_request *request, uint32_t at,
                     uint32_t sector_len);
const uint8_t *bh_edges_out(const struct bh_request *request, uint32_t at,
                            uint32_t sector_len);

/* Part `at` has been read. If it is an edge, the caller gets its bytes of it,
 * or it gets the caller's. */
void bh_edges_took(const struct bh_request *request, uint32_t at,
                   uint32_t sector_len);

#endif
