/* SPDX-License-Identifier: MIT */
/* What `:readme` says of this server: its name and its addresses. */
#include "daemon/internal.h"
#include "daemon/reach.h"

#include <unistd.h>

#define ADDRESSES_MAX 8u /* the rest of the text is wanted, too */

struct some {
    struct bh_lines *lines;
    unsigned left;
};

static void add_some(void *context, const struct bh_address *address)
{
    struct some *some = context;
    char host[BH_ADDRESS_TEXT_LEN];

    if (some->left == 0)
        return;
    some->left--;
    bh_lines_add(some->lines, "AT %s PORT %u",
                 bh_address_print_host(address, host),
                 (unsigned)bh_address_port(address));
}

void bh_driver_about(void *context, struct bh_lines *lines)
{
    const struct bh_driver *driver = context;
    struct some some = {lines, ADDRESSES_MAX};
    char name[65] = "";

    gethostname(name, sizeof name - 1);
    bh_lines_add(lines, "ON %s", name);
    for (size_t i = 0; i < driver->listener_count; i++)
        if (driver->listeners[i].place.transport == BH_TRANSPORT_UDP)
            bh_reach_each(&driver->listeners[i].place.address, add_some, &some);
}
