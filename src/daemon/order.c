/* SPDX-License-Identifier: MIT */
#include "daemon/order.h"

#include "core/admin.h"
#include "core/hold.h"
#include "core/slot.h"
#include "daemon/order_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SHOWN 64
#define HOLD_WAIT_MS 20000u

static const struct bh_order_row rows[] = {
    {"status", NULL, bh_order_status, NULL, NULL, NULL},
    {"sessions", NULL, bh_order_sessions, NULL, NULL, NULL},
    {"disconnect", NULL, bh_order_disconnect, NULL, NULL, NULL},
    {"volumes", bh_order_find_volumes, bh_order_volumes, NULL, NULL, NULL},
    {"reopen", bh_order_find_reopen, bh_order_reopen, NULL, NULL, NULL},
    {"create", bh_order_do_create, bh_order_create, NULL, NULL, NULL},
    {"checkpoints", bh_order_find_checkpoints, bh_order_say_done, NULL, NULL,
     NULL},
    {"remove-checkpoint", bh_order_do_remove, bh_order_say_done, NULL, NULL,
     NULL},
    {"checkpoint", bh_order_find_label, bh_order_say_done,
     bh_order_hold_changes, bh_order_make_checkpoint, NULL},
    {"rollback", bh_order_find_rollback, bh_order_rolled_back,
     bh_order_hold_all, bh_order_roll_back, NULL},
    {"slots", bh_order_find_slots, bh_order_slots, NULL, NULL, NULL},
    {"insert", bh_order_find_insert, bh_order_swapped, bh_order_swap,
     bh_order_say_done, bh_order_is_swapped},
    {"eject", bh_order_find_eject, bh_order_swapped, bh_order_swap,
     bh_order_say_done, bh_order_is_swapped},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

void bh_order_refuse(struct bh_order *order, const char *format, ...)
{
    va_list arguments;

    if (order->refused)
        return;
    order->refused = true;
    va_start(arguments, format);
    vsnprintf(order->complaint, sizeof order->complaint, format, arguments);
    va_end(arguments);
}

const char *bh_order_text(struct bh_order *order, const char *key)
{
    const char *text = json_string_value(json_object_get(order->request, key));

    if (text == NULL)
        bh_order_refuse(order, "\"%s\" is missing, or is no text", key);
    return text;
}

bool bh_order_number(struct bh_order *order, const char *key, uint64_t max,
                     uint64_t *out)
{
    const json_t *value = json_object_get(order->request, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max) {
        bh_order_refuse(order,
                        "\"%s\" is missing, or is no number from 0 to %llu",
                        key, (unsigned long long)max);
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

bool bh_order_has(const struct bh_order *order, const char *key)
{
    return json_object_get(order->request, key) != NULL;
}

bool bh_order_from(struct bh_order *order, uint64_t *from)
{
    *from = 0;
    return !bh_order_has(order, "from") ||
           bh_order_number(order, "from", UINT32_MAX, from);
}

void bh_order_put_text(json_t *object, const char *key, const char *text)
{
    char clean[4 * BH_PROBLEM_LEN];
    json_t *value = json_string(text);

    if (value == NULL)
        value = json_string(bh_log_clean(text, clean, sizeof clean));
    json_object_set_new(object, key, value);
}

void bh_order_put_number(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

void bh_order_put_flag(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

void bh_order_prepare(void)
{
    json_object_seed(0);
}

static const struct bh_order_row *find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Finds what is wanted, or refuses. */
static void read_request(struct bh_order *order)
{
    const char *name;
    char clean[TEXT_SHOWN];

    if (!json_is_object(order->request)) {
        bh_order_refuse(order, "an order is a JSON object on a line");
        return;
    }
    name = bh_order_text(order, "do");
    if (name == NULL)
        return;
    order->row = find_row(name);
    if (order->row == NULL)
        bh_order_refuse(order, "this server does not know how to do \"%s\"",
                        bh_log_clean(name, clean, sizeof clean));
}

static struct bh_order *make(struct bh_driver *driver)
{
    struct bh_order *order = calloc(1, sizeof *order);

    if (order != NULL) {
        order->driver = driver;
        order->asker = -1;
        order->answer = json_object();
        bh_order_put_flag(order->answer, "ok", true);
    }
    return order;
}

struct bh_order *bh_order_new(struct bh_driver *driver, const char *line,
                              size_t len)
{
    struct bh_order *order = make(driver);
    json_error_t error;

    if (order == NULL)
        return NULL;
    order->request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (order->request == NULL)
        bh_order_refuse(order, "that is no JSON: %s", error.text);
    else
        read_request(order);
    return order;
}

struct bh_order *bh_order_refused(struct bh_driver *driver,
                                  const char *complaint)
{
    struct bh_order *order = make(driver);

    if (order != NULL)
        bh_order_refuse(order, "%s", complaint);
    return order;
}

bool bh_order_is_slow(const struct bh_order *order)
{
    return !order->refused && order->row->work != NULL;
}

void bh_order_work(struct bh_order *order)
{
    if (order->held)
        order->row->still(order);
    else
        order->row->work(order);
}

bool bh_order_hold(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;

    if (order->refused || order->held || order->row->hold == NULL)
        return false;
    if (driver->stopping) {
        bh_order_refuse(order, "the server is ending");
        return false;
    }
    order->row->hold(order);
    order->held = true;
    order->held_since = driver->now;
    return true;
}

/* What has failed may not be what the file says. */
bool bh_order_is_due(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    struct bh_admin_volume volume;
    bool still;

    if (order->row->due != NULL)
        return order->row->due(order);
    still = bh_hold_is_still(driver->server, driver->now);
    bh_admin_volume(driver->server, order->facts, &volume);
    if (volume.poisoned)
        bh_order_refuse(order,
                        "'%.100s' has failed: look at the disk, and reopen it "
                        "before",
                        order->facts->name);
    else if (!still && driver->now - order->held_since > HOLD_WAIT_MS)
        bh_order_refuse(order,
                        "'%.100s' does not come to rest: its last requests "
                        "still wait for the disk",
                        order->facts->name);
    return still || order->refused;
}

bool bh_order_is_refused(const struct bh_order *order)
{
    return order->refused;
}

void bh_order_let_go(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;

    if (order->swaps)
        bh_slot_order_cancel(driver->server, driver->now);
    if (order->held && order->row->due == NULL)
        bh_hold_over(driver->server, driver->now);
    order->swaps = false;
    order->held = false;
    if (order->given_up)
        bh_log_say("%s of '%s' was given up: who asked for it has hung up",
                   order->row->name, order->facts->name);
}

void bh_order_asked_by(struct bh_order *order, int fd)
{
    order->asker = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

bool bh_order_go_on(struct bh_order *order)
{
    struct pollfd asker = {.fd = order->asker};

    if (poll(&asker, 1, 0) == 1 && (asker.revents & POLLHUP) != 0)
        order->given_up = true;
    return !order->given_up;
}

char *bh_order_answer(struct bh_order *order, size_t *len)
{
    char *text, *line;

    if (!order->refused)
        order->row->answer(order);
    if (order->refused) {
        json_object_clear(order->answer);
        bh_order_put_flag(order->answer, "ok", false);
        bh_order_put_text(order->answer, "error", order->complaint);
    }
    text = json_dumps(order->answer, JSON_COMPACT);
    *len = text == NULL ? 0 : strlen(text) + 1;
    line = text == NULL ? NULL : realloc(text, *len + 1);
    if (line == NULL)
        free(text);
    else
        strcpy(line + *len - 1, "\n");
    return line;
}

void bh_order_free(struct bh_order *order)
{
    if (order == NULL)
        return;
    if (order->asker >= 0)
        close(order->asker);
    json_decref(order->request);
    json_decref(order->answer);
    free(order->facts);
    free(order);
}
