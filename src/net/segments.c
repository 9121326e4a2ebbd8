/* SPDX-License-Identifier: MIT */
#include "net/segments.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

bool bh_segments_known(int fd)
{
    int none = 0;

    return setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
}

int bh_segments_merge(int fd)
{
    int yes = 1;

    return setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof yes) == 0 ? 0 : -errno;
}

/* Not by CMSG_NXTHDR(), which looks at the length of what is not there yet. */
void bh_segments_put(struct msghdr *header, uint16_t len)
{
    struct cmsghdr at = {.cmsg_len = CMSG_LEN(sizeof len),
                         .cmsg_level = SOL_UDP,
                         .cmsg_type = UDP_SEGMENT};
    uint8_t *end = (uint8_t *)header->msg_control + header->msg_controllen;

    memset(end, 0, CMSG_SPACE(sizeof len));
    memcpy(end, &at, sizeof at);
    memcpy(end + CMSG_LEN(0), &len, sizeof len);
    header->msg_controllen += CMSG_SPACE(sizeof len);
}

uint16_t bh_segments_get(const struct msghdr *header)
{
    struct msghdr copy = *header; /* the macros want one that may change */
    struct cmsghdr *at;
    int len;

    for (at = CMSG_FIRSTHDR(&copy); at != NULL; at = CMSG_NXTHDR(&copy, at)) {
        if (at->cmsg_level != SOL_UDP || at->cmsg_type != UDP_GRO)
            continue;
        memcpy(&len, CMSG_DATA(at), sizeof len);
        return (uint16_t)len;
    }
    return 0;
}

/* EIO: the device does no checksums, EINVAL: too many, or too long for its MTU.
 * EMSGSIZE is none: one by one they would not leave either. */
bool bh_segments_refused(int error)
{
    return error == EIO || error == EINVAL || error == ENOPROTOOPT ||
           error == EOPNOTSUPP;
}
