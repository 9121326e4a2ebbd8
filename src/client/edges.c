/* SPDX-License-Identifier: MIT */
#include "client/edges.h"

#include <string.h>

#include "client/requests.h"

/* The caller's bytes of an edge. */
struct piece {
    size_t at; /* in the caller's buffer */
    size_t in; /* in the sector */
    size_t len;
};

static bool first_is_edge(const struct bh_request *request)
{
    return request->edges.before > 0 ||
           (request->edges.after > 0 && request->span == 1);
}

static bool last_is_edge(const struct bh_request *request)
{
    return request->edges.after > 0 && request->span > 1;
}

bool bh_edges_cut(struct bh_request *wanted, uint64_t offset, size_t len,
                  uint32_t sector_len)
{
    uint64_t first = offset / sector_len, sectors;
    uint32_t before = (uint32_t)(offset % sector_len);

    if (first > UINT32_MAX || len > SIZE_MAX - 2 * (size_t)sector_len)
        return false;
    sectors = ((uint64_t)len + before + sector_len - 1) / sector_len;
    if (len == 0)
        sectors = before = 0;
    if (sectors > (uint64_t)UINT32_MAX - BH_EDGES_MAX ||
        sectors > (uint64_t)UINT32_MAX + 1 - first)
        return false;
    wanted->lsn = (uint32_t)first;
    wanted->span = (uint32_t)sectors;
    wanted->edges.before = before;
    wanted->edges.after = (uint32_t)(sectors * sector_len - before - len);
    if (wanted->kind == BH_REQUEST_WRITE)
        wanted->edges.reads =
            (uint8_t)(first_is_edge(wanted) + last_is_edge(wanted));
    wanted->count = wanted->span + wanted->edges.reads;
    return true;
}

bool bh_edges_any(const struct bh_request *request)
{
    return request->edges.before > 0 || request->edges.after > 0;
}

bool bh_edges_is_read(const struct bh_request *request, uint32_t at)
{
    return at < request->edges.reads;
}

uint32_t bh_edges_sector(const struct bh_request *request, uint32_t at)
{
    if (!bh_edges_is_read(request, at))
        return at - request->edges.reads;
    return at == 0 && first_is_edge(request) ? 0 : request->span - 1;
}

/* The edge's copy of a sector; NULL if that is no edge. */
static uint8_t *copy_of(const struct bh_request *request, uint32_t sector,
                        uint32_t sector_len)
{
    if (sector == 0 && first_is_edge(request))
        return request->edges.bytes;
    if (last_is_edge(request) && sector == request->span - 1)
        return request->edges.bytes + sector_len;
    return NULL;
}

/* Where the caller's bytes of a sector begin, which is no edge or the last. */
static size_t place_of(const struct bh_request *request, uint32_t sector,
                       uint32_t sector_len)
{
    return (size_t)sector * sector_len - request->edges.before;
}

uint8_t *bh_edges_in(const struct bh_request *request, uint32_t at,
                     uint32_t sector_len)
{
    uint32_t sector = bh_edges_sector(request, at);
    uint8_t *copy = copy_of(request, sector, sector_len);

    return copy != NULL ? copy
                        : request->in + place_of(request, sector, sector_len);
}

const uint8_t *bh_edges_out(const struct bh_request *request, uint32_t at,
                            uint32_t sector_len)
{
    uint32_t sector = bh_edges_sector(request, at);
    const uint8_t *copy = copy_of(request, sector, sector_len);

    return copy != NULL ? copy
                        : request->out + place_of(request, sector, sector_len);
}

static struct piece piece_of(const struct bh_request *request, uint32_t sector,
                             uint32_t sector_len)
{
    struct piece piece = {.len = sector_len};

    if (sector == 0) {
        piece.in = request->edges.before;
        piece.len -= request->edges.before;
    } else {
        piece.at = place_of(request, sector, sector_len);
    }
    if (sector == request->span - 1)
        piece.len -= request->edges.after;
    return piece;
}

void bh_edges_took(const struct bh_request *request, uint32_t at,
                   uint32_t sector_len)
{
    uint32_t sector = bh_edges_sector(request, at);
    uint8_t *copy = copy_of(request, sector, sector_len);
    struct piece piece = piece_of(request, sector, sector_len);

    if (copy == NULL)
        return;
    if (request->kind == BH_REQUEST_READ)
        memcpy(request->in + piece.at, copy + piece.in, piece.len);
    else
        memcpy(copy + piece.in, request->out + piece.at, piece.len);
}
