/* SPDX-License-Identifier: MIT */
#include "volume/memory.h"

#include "volume/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    struct bh_medium medium; /* first: the medium is the memory */
    uint8_t bytes[];
};

static struct memory *memory_of(struct bh_medium *medium)
{
    return (struct memory *)(void *)medium;
}

static int check_span(const struct bh_medium *medium, uint64_t offset,
                      uint32_t len)
{
    uint64_t size = medium->byte_count;

    return offset > size || size - offset < len ? -ENODATA : 0;
}

static int memory_read(struct bh_medium *medium, uint64_t offset,
                       const struct iovec *pieces, unsigned count)
{
    return bh_pieces_copy(memory_of(medium)->bytes, medium->byte_count, offset,
                          pieces, count);
}

static int memory_write(struct bh_medium *medium, uint64_t offset,
                        const uint8_t *data, uint32_t len)
{
    int error = check_span(medium, offset, len);

    if (error == 0)
        memcpy(memory_of(medium)->bytes + offset, data, len);
    return error;
}

static int memory_sync(struct bh_medium *medium)
{
    (void)medium;
    return 0;
}

static int memory_lock(struct bh_medium *medium, uint8_t access,
                       char cause[BH_CAUSE_LEN])
{
    (void)medium;
    (void)access;
    (void)cause;
    return 0;
}

static void memory_close(struct bh_medium *medium)
{
    free(memory_of(medium));
}

static const struct bh_medium_ops memory_ops = {
    .read = memory_read,
    .read_now = memory_read,
    .write = memory_write,
    .write_now = memory_write,
    .sync = memory_sync,
    .lock = memory_lock,
    .close = memory_close,
};

int bh_memory_open(const void *bytes, size_t len, struct bh_medium **out)
{
    struct memory *memory = calloc(1, sizeof *memory + len);

    if (memory == NULL)
        return -ENOMEM;
    memory->medium = (struct bh_medium){&memory_ops, len};
    if (bytes != NULL)
        memcpy(memory->bytes, bytes, len);
    *out = &memory->medium;
    return 0;
}
