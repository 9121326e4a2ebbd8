/* SPDX-License-Identifier: MIT */
#include "daemon/reach.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

bool bh_reach_is_any(const struct bh_address *address)
{
    return address->u.any.sa_family == AF_INET
               ? address->u.v4.sin_addr.s_addr == INADDR_ANY
               : IN6_IS_ADDR_UNSPECIFIED(&address->u.v6.sin6_addr);
}

static unsigned each_interface(uint16_t port, bh_reach_visitor *visit,
                               void *context)
{
    struct ifaddrs *all;
    unsigned count = 0;

    if (getifaddrs(&all) != 0)
        return 0;
    for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        struct bh_address address = {.len = sizeof address.u.v4};

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET ||
            !(at->ifa_flags & IFF_UP) || at->ifa_flags & IFF_LOOPBACK)
            continue;
        memcpy(&address.u.v4, at->ifa_addr, sizeof address.u.v4);
        bh_address_set_port(&address, port);
        visit(context, &address);
        count++;
    }
    freeifaddrs(all);
    return count;
}

unsigned bh_reach_each(const struct bh_address *address,
                       bh_reach_visitor *visit, void *context)
{
    if (bh_reach_is_any(address))
        return each_interface(bh_address_port(address), visit, context);
    visit(context, address);
    return 1;
}
