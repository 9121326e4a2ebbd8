/* SPDX-License-Identifier: MIT */
/* Orders about volumes. */
#include "core/admin.h"
#include "daemon/order_internal.h"
#include "daemon/remote.h"
#include "volume/nbd_volume.h"

#include <stdlib.h>

/* A longer list is asked for in parts, so that no client waits for it. */
#define PART 512u

struct collection {
    struct bh_order *order;
    uint64_t skip;
};

static bool collect(void *context, const struct bh_volume_facts *facts)
{
    struct collection *collection = context;
    struct bh_order *order = collection->order;

    if (collection->skip > 0) {
        collection->skip--;
        return true;
    }
    order->facts[order->count++] = *facts;
    return order->count < PART;
}

void bh_order_find_volumes(struct bh_order *order)
{
    struct collection collection = {order, 0};

    if (!bh_order_from(order, &collection.skip))
        return;
    order->facts = calloc(PART, sizeof *order->facts);
    if (order->facts == NULL)
        bh_order_refuse(order, "out of memory");
    else
        bh_catalogue_each(order->driver->catalogue, collect, &collection);
}

/* "open" or "lost": the connection to its NBD server, while it is in use. */
static void put_connection(json_t *object, const struct bh_driver *driver,
                           const struct bh_volume_facts *facts)
{
    bool connected;

    if (bh_nbd_volume_is(facts) && bh_remote_find(driver, facts, &connected))
        bh_order_put_text(object, "connection", connected ? "open" : "lost");
}

static json_t *describe(const struct bh_driver *driver,
                        const struct bh_volume_facts *facts)
{
    static const char *const modes[] = {"exclusive", "shared", "read-only",
                                        "scratch"};
    struct bh_admin_volume volume;
    json_t *object = json_object();

    bh_admin_volume(driver->server, facts, &volume);
    bh_order_put_number(object, "number", facts->number);
    bh_order_put_text(object, "name", facts->name);
    bh_order_put_number(object, "bytes", facts->byte_count);
    bh_order_put_text(object, "mode", modes[facts->mode]);
    bh_order_put_number(object, "writers", volume.writers);
    bh_order_put_number(object, "readers", volume.readers);
    bh_order_put_number(object, "looks", volume.looks);
    bh_order_put_flag(object, "failed", volume.poisoned);
    put_connection(object, driver, facts);
    return object;
}

void bh_order_volumes(struct bh_order *order)
{
    json_t *list = json_array();
    uint64_t from;

    json_object_set_new(order->answer, "volumes", list);
    for (size_t i = 0; i < order->count; i++)
        json_array_append_new(list, describe(order->driver, &order->facts[i]));
    if (order->count == PART && bh_order_from(order, &from))
        bh_order_put_number(order->answer, "next", from + PART);
}

/* A name that is not that of a failed volume is to be that of one at least. */
void bh_order_find_reopen(struct bh_order *order)
{
    const char *name;

    if (!bh_order_has(order, "volume"))
        return;
    name = bh_order_text(order, "volume");
    order->facts = calloc(1, sizeof *order->facts);
    if (order->facts == NULL)
        bh_order_refuse(order, "out of memory");
    if (order->refused)
        return;
    order->count = bh_catalogue_lookup(order->driver->catalogue, name, NULL,
                                       order->facts, order->cause) == 0;
}

void bh_order_reopen(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    const char *name = NULL;
    uint32_t count;

    if (bh_order_has(order, "volume"))
        name = order->count > 0 ? order->facts->name
                                : bh_order_text(order, "volume");
    count = bh_admin_reopen(driver->server, driver->now, name,
                            order->count > 0 ? order->facts : NULL);
    if (count == 0 && name != NULL && order->count == 0)
        bh_order_refuse(order, "cannot reopen '%.100s': %s", name,
                        order->cause);
    else
        bh_order_put_number(order->answer, "reopened", count);
}
