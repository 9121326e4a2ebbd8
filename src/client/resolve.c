/* SPDX-License-Identifier: MIT */
#include "client/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

static const char *reason(int code)
{
    if (code == EAI_NONAME)
        return "no host of that name is known; try its address";
    return gai_strerror(code);
}

static int errno_of(int code)
{
    switch (code) {
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -EHOSTUNREACH;
    }
}

int bh_resolve(const char *host, uint16_t port, struct bh_address *out,
               size_t max, const char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list, *entry;
    int code = getaddrinfo(host, NULL, &hints, &list);
    size_t count = 0;

    if (code != 0) {
        *why = reason(code);
        return errno_of(code);
    }
    for (entry = list; entry != NULL && count < max; entry = entry->ai_next) {
        if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6)
            continue;
        memcpy(&out[count].u, entry->ai_addr, entry->ai_addrlen);
        out[count].len = entry->ai_addrlen;
        bh_address_set_port(&out[count++], port);
    }
    freeaddrinfo(list);
    *why = "it has no IP address";
    return count > 0 ? (int)count : -EHOSTUNREACH;
}
