/* SPDX-License-Identifier: MIT */
/* A kernel that does not know segments: qemu-user hands UDP_SEGMENT's number to
 * the real one in the foreign order of bytes. */
#include "net/segments.h"

#include <errno.h>

bool bh_segments_known(int fd)
{
    (void)fd;
    return false;
}

int bh_segments_merge(int fd)
{
    (void)fd;
    return -ENOPROTOOPT;
}

void bh_segments_put(struct msghdr *header, uint16_t len)
{
    (void)header, (void)len;
}

uint16_t bh_segments_get(const struct msghdr *header)
{
    (void)header;
    return 0;
}

bool bh_segments_refused(int error)
{
    (void)error;
    return false;
}
