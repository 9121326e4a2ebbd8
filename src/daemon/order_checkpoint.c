/* SPDX-License-Identifier: MIT */
/* Orders about checkpoints, and the one that goes back to one. */
#include "core/admin.h"
#include "core/hold.h"
#include "daemon/order_internal.h"
#include "volume/file_lock.h"
#include "volume/rollback.h"
#include "volume/shelf.h"
#include "wire/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SAVED "before rollback"

/* The volume that is meant: true, and order->facts are its. */
static bool find_volume(struct bh_order *order, const char *wanted)
{
    const char *name = bh_order_text(order, "volume");

    if (name == NULL)
        return false;
    order->facts = calloc(1, sizeof *order->facts);
    if (order->facts == NULL)
        bh_order_refuse(order, "out of memory");
    else if (bh_catalogue_lookup(order->driver->catalogue, name, NULL,
                                 order->facts, order->cause) != 0)
        bh_order_refuse(order, "cannot %s '%.100s': %s", wanted, name,
                        order->cause);
    return !order->refused;
}

static bool open_shelf(struct bh_order *order, const char *wanted, bool make,
                       struct bh_shelf *shelf)
{
    int error = bh_shelf_open(order->driver->catalogue, order->facts, make,
                              shelf, order->cause);

    if (error == 0)
        return true;
    if (error == -ENOENT && !make)
        bh_order_refuse(order, "'%.100s' has no checkpoints",
                        order->facts->name);
    else
        bh_order_refuse(
            order, "cannot %s '%.100s': %s", wanted, order->facts->name,
            order->cause[0] != '\0' ? order->cause : strerror(-error));
    return false;
}

static bool find_checkpoint(struct bh_order *order,
                            const struct bh_shelf *shelf)
{
    const char *name = bh_order_text(order, "checkpoint");
    int error = name == NULL
                    ? 0
                    : bh_checkpoint_find(shelf->dir, name, &order->checkpoint);

    if (error == -ENOENT)
        bh_order_refuse(order, "'%.100s' has no checkpoint '%.64s'",
                        order->facts->name, name);
    else if (error != 0)
        bh_order_refuse(order, "cannot look for '%.64s': %s", name,
                        strerror(-error));
    return !order->refused;
}

static json_t *describe(const struct bh_checkpoint *checkpoint)
{
    json_t *object = json_object();

    bh_order_put_number(object, "number", checkpoint->number);
    bh_order_put_text(object, "label", checkpoint->label);
    bh_order_put_number(object, "time", (uint64_t)checkpoint->time_s);
    bh_order_put_number(object, "bytes", checkpoint->byte_count);
    bh_order_put_number(object, "disk_bytes", checkpoint->disk_bytes);
    return object;
}

/*
 * checkpoints
 */

/* A volume without a shelf has an empty list. */
void bh_order_find_checkpoints(struct bh_order *order)
{
    json_t *list = json_array();
    struct bh_checkpoint *all;
    struct bh_shelf shelf;
    size_t count;
    int error;

    json_object_set_new(order->answer, "checkpoints", list);
    if (!find_volume(order, "list checkpoints of"))
        return;
    error = bh_shelf_open(order->driver->catalogue, order->facts, false, &shelf,
                          order->cause);
    if (error == -ENOENT)
        return;
    if (error == 0) {
        error = bh_checkpoints_list(shelf.dir, &all, &count);
        bh_shelf_close(&shelf);
    }
    if (error != 0) {
        bh_order_refuse(order, "cannot list checkpoints of '%.100s': %s",
                        order->facts->name,
                        order->cause[0] != '\0' ? order->cause
                                                : strerror(-error));
        return;
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe(&all[i]));
    free(all);
}

void bh_order_say_done(struct bh_order *order)
{
    (void)order; /* all has been said */
}

/*
 * remove-checkpoint
 */

void bh_order_do_remove(struct bh_order *order)
{
    struct bh_shelf shelf;
    int error = 0;

    if (!find_volume(order, "remove a checkpoint of") ||
        !open_shelf(order, "remove a checkpoint of", false, &shelf))
        return;
    if (find_checkpoint(order, &shelf))
        error = bh_checkpoint_remove(shelf.dir, order->checkpoint.number);
    bh_shelf_close(&shelf);
    if (error != 0)
        bh_order_refuse(order, "cannot remove checkpoint %u of '%.100s': %s",
                        (unsigned)order->checkpoint.number, order->facts->name,
                        error == -EBUSY ? "its checkpoints are in use now"
                                        : strerror(-error));
    else if (!order->refused)
        bh_order_put_number(order->answer, "number", order->checkpoint.number);
}

/*
 * checkpoint
 */

void bh_order_find_label(struct bh_order *order)
{
    const char *label = "";

    if (bh_order_has(order, "label"))
        label = bh_order_text(order, "label");
    if (label == NULL || !find_volume(order, "make a checkpoint of"))
        return;
    if (bh_label_clean(label, (unsigned)strlen(label),
                       order->checkpoint.label) != BH_OK)
        bh_order_refuse(order,
                        "a label has at most %u ASCII characters without '/', "
                        "'@' and '#', no '.' in front, and not only digits",
                        BH_LABEL_LEN);
}

/* A volume that is locked is held against other programs already, and its
 * clients may read. */
void bh_order_hold_changes(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;

    order->locks = !bh_hold_is_locked(driver->server, order->facts);
    bh_hold_begin(driver->server, driver->now, order->facts,
                  order->locks ? BH_HOLD_ALL : BH_HOLD_CHANGES);
}

/* Between two pieces of a copy. */
static bool is_wanted(void *order, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    return bh_order_go_on(order);
}

static int lock(struct bh_order *order, const struct bh_shelf *shelf,
                uint8_t access)
{
    struct bh_file_lock all = {.fd = shelf->image};

    return bh_file_lock_set(&all, access, order->cause);
}

void bh_order_make_checkpoint(struct bh_order *order)
{
    const struct bh_copy_watch watch = {is_wanted, order};
    struct bh_checkpoint made;
    struct bh_shelf shelf;
    int error = 0;

    if (!open_shelf(order, "make a checkpoint of", true, &shelf))
        return;
    if (order->locks)
        error = lock(order, &shelf, BH_ACCESS_READER);
    if (error == 0)
        error = bh_checkpoint_create(shelf.dir, shelf.image,
                                     order->checkpoint.label, &watch, &made,
                                     order->cause);
    if (error == 0 && shelf.keep > 0)
        (void)bh_checkpoints_prune(shelf.dir, shelf.keep);
    bh_shelf_close(&shelf);
    if (error == 0)
        json_object_set_new(order->answer, "checkpoint", describe(&made));
    else
        bh_order_refuse(order, "cannot make a checkpoint of '%.100s': %s",
                        order->facts->name, order->cause);
}

/*
 * rollback
 */

void bh_order_find_rollback(struct bh_order *order)
{
    struct bh_shelf shelf;

    if (!find_volume(order, "roll back"))
        return;
    if (order->facts->number != 0 && order->facts->mode == BH_MODE_READ_ONLY) {
        bh_order_refuse(order, "cannot roll back '%.100s': it is read-only",
                        order->facts->name);
        return;
    }
    if (!open_shelf(order, "roll back", false, &shelf))
        return;
    find_checkpoint(order, &shelf);
    if ((fcntl(shelf.image, F_GETFL) & O_ACCMODE) == O_RDONLY)
        bh_order_refuse(order,
                        "cannot roll back '%.100s': the server may not write "
                        "to its image",
                        order->facts->name);
    bh_shelf_close(&shelf);
}

void bh_order_hold_all(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;

    bh_hold_begin(driver->server, driver->now, order->facts, BH_HOLD_ALL);
    bh_hold_change_medium(driver->server, driver->now);
}

/* So that it can be undone. Old ones stay: one of them is wanted. */
static int save(struct bh_order *order, const struct bh_shelf *shelf)
{
    const json_t *wanted = json_object_get(order->request, "save");
    const struct bh_copy_watch watch = {is_wanted, order};
    struct bh_checkpoint made;
    int error;

    if (json_is_false(wanted))
        return 0;
    error = bh_checkpoint_create(shelf->dir, shelf->image, SAVED, &watch, &made,
                                 order->cause);
    if (error == 0)
        bh_order_put_number(order->answer, "saved", made.number);
    return error;
}

void bh_order_roll_back(struct bh_order *order)
{
    struct bh_shelf shelf;
    uint32_t number = order->checkpoint.number, pending = 0;
    int error;

    if (!open_shelf(order, "roll back", false, &shelf))
        return;
    error = lock(order, &shelf, BH_ACCESS_WRITER);
    if (error == 0 && bh_rollback_pending(shelf.dir, &pending) == 0 &&
        pending == 0)
        error = save(order, &shelf);
    if (error == 0 && pending == 0 && !bh_order_go_on(order))
        error = -ECANCELED; /* the last moment at which nothing has changed */
    if (error == 0)
        error = bh_rollback(shelf.dir, number, shelf.image, order->cause);
    if (error != 0 && bh_rollback_pending(shelf.dir, &pending) != 0)
        pending = number;
    bh_shelf_close(&shelf);
    if (error == 0)
        bh_order_put_number(order->answer, "number", number);
    else
        bh_order_refuse(order, "cannot roll back '%.100s': %s%s",
                        order->facts->name, order->cause,
                        pending == 0
                            ? ""
                            : "; it is not served before that rollback "
                              "is finished: try again");
}

void bh_order_rolled_back(struct bh_order *order)
{
    bh_log_say("volume '%s' was rolled back to checkpoint %u",
               order->facts->name, (unsigned)order->checkpoint.number);
}
