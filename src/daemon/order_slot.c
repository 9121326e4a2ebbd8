/* SPDX-License-Identifier: MIT */
/* Orders about slots. */
#include "core/admin.h"
#include "core/slot.h"
#include "daemon/order_internal.h"
#include "volume/nbd_volume.h"
#include "wire/protocol.h"
#include "wire/status.h"

#include <stdlib.h>
#include <string.h>

#define SWAP_WAIT_MS 20000u

/*
 * slots
 */

static void collect(void *context, const struct bh_drive *drive,
                    const struct bh_volume_facts *facts)
{
    struct bh_order *order = context;
    struct bh_volume_facts *grown =
        realloc(order->facts, (order->count + 1) * sizeof *grown);
    json_t *object;

    if (grown == NULL) {
        bh_order_refuse(order, "out of memory");
        return;
    }
    order->facts = grown;
    grown[order->count++] = *facts;
    object = json_object();
    bh_order_put_text(object, "slot", drive->name);
    if (drive->inserted != NULL)
        bh_order_put_text(object, "image", drive->inserted);
    bh_order_put_flag(object, "empty", facts->empty);
    bh_order_put_flag(object, "silent", drive->silent);
    bh_order_put_number(object, "bytes", facts->byte_count);
    json_array_append_new(json_object_get(order->answer, "slots"), object);
}

void bh_order_find_slots(struct bh_order *order)
{
    json_object_set_new(order->answer, "slots", json_array());
    bh_catalogue_each_drive(order->driver->catalogue, collect, order);
}

void bh_order_slots(struct bh_order *order)
{
    const struct bh_server *server = order->driver->server;
    json_t *list = json_object_get(order->answer, "slots");

    for (size_t i = 0; i < order->count; i++) {
        const struct bh_volume_facts *facts = &order->facts[i];
        json_t *object = json_array_get(list, i);
        struct bh_admin_volume volume;

        bh_admin_volume(server, facts, &volume);
        bh_order_put_number(object, "sessions",
                            (uint64_t)volume.writers + volume.readers +
                                volume.looks);
        bh_order_put_flag(object, "locked", bh_slot_is_locked(server, facts));
    }
}

/*
 * insert, eject
 */

static bool find_slot(struct bh_order *order)
{
    const char *name = bh_order_text(order, "slot");

    if (name == NULL)
        return false;
    order->facts = calloc(1, sizeof *order->facts);
    if (order->facts == NULL)
        bh_order_refuse(order, "out of memory");
    else if (bh_catalogue_lookup(order->driver->catalogue, name, NULL,
                                 order->facts, order->cause) != 0)
        bh_order_refuse(order, "there is no slot '%.100s': %s", name,
                        order->cause);
    else if (!order->facts->removable)
        bh_order_refuse(order, "'%.100s' is no slot, but a volume", name);
    return !order->refused;
}

void bh_order_find_insert(struct bh_order *order)
{
    const char *name = bh_order_text(order, "image");
    struct bh_volume_facts image;

    if (name == NULL || !find_slot(order))
        return;
    if (bh_catalogue_lookup(order->driver->catalogue, name, NULL, &image,
                            order->cause) != 0)
        bh_order_refuse(order, "cannot insert '%.100s': %s", name,
                        order->cause);
    else if (image.removable || image.number == 0 || bh_nbd_volume_is(&image))
        bh_order_refuse(
            order, "cannot insert '%.100s': it is no image, but a %s", name,
            image.removable     ? "slot"
            : image.number == 0 ? "virtual volume"
                                : "volume on an NBD server");
    else
        strcpy(order->image, image.name);
}

void bh_order_find_eject(struct bh_order *order)
{
    if (find_slot(order) && order->facts->empty)
        bh_order_refuse(order, "nothing is in '%.100s'", order->facts->name);
}

void bh_order_swap(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    bool force = json_is_true(json_object_get(order->request, "force"));

    if (!force && bh_slot_is_locked(driver->server, order->facts))
        bh_order_refuse(order,
                        "a client has locked the medium in '%.100s'; force "
                        "changes it all the same",
                        order->facts->name);
    else if (!bh_slot_order(driver->server, driver->now, order->facts,
                            order->image, force))
        bh_order_refuse(order, "another slot is being changed");
    else
        order->swaps = true;
}

static void refuse_status(struct bh_order *order, uint8_t status)
{
    const char *name = order->facts->name;

    if (status == BH_ERR_STORAGE)
        bh_order_refuse(order,
                        "the medium in '%.100s' has failed, or what is in the "
                        "slot could not be noted: see the log; force lets go "
                        "of a failed medium",
                        name);
    else
        bh_order_refuse(order, "cannot change what is in '%.100s': %s", name,
                        bh_status_text(status));
}

bool bh_order_is_swapped(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    uint8_t status;

    if (order->refused)
        return true;
    if (bh_slot_order_over(driver->server, &status)) {
        order->swaps = false;
        if (status != BH_OK)
            refuse_status(order, status);
        return true;
    }
    if (driver->now - order->held_since <= SWAP_WAIT_MS ||
        !bh_slot_order_cancel(driver->server, driver->now))
        return false;
    order->swaps = false;
    bh_order_refuse(order,
                    "the medium in '%.100s' does not come to rest: its last "
                    "requests still wait for the disk",
                    order->facts->name);
    return true;
}

void bh_order_swapped(struct bh_order *order)
{
    bh_order_put_text(order->answer, "slot", order->facts->name);
    if (order->image[0] != '\0')
        bh_order_put_text(order->answer, "image", order->image);
    if (order->image[0] != '\0')
        bh_log_say("slot '%s': the administrator put '%s' into it",
                   order->facts->name, order->image);
    else
        bh_log_say("slot '%s': the administrator emptied it",
                   order->facts->name);
}
