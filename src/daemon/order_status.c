/* SPDX-License-Identifier: MIT */
/* The order that tells how the server is. */
#include "core/admin.h"
#include "daemon/clock.h"
#include "daemon/order_internal.h"

#include <stdio.h>
#include <unistd.h>

static json_t *listeners_of(const struct bh_driver *driver)
{
    json_t *list = json_array();

    for (size_t i = 0; i < driver->listener_count; i++) {
        char text[BH_PLACE_TEXT_LEN];

        bh_place_print(&driver->listeners[i].place, text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *counters_of(const struct bh_server *server)
{
    const struct bh_counters *counters = bh_server_counters(server);
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"received", counters->received},
        {"replied", counters->replied},
        {"reads", counters->reads},
        {"writes", counters->writes},
        {"syncs", counters->syncs},
        {"repeated", counters->repeated},
        {"refused", counters->refused},
        {"malformed", counters->malformed},
        {"wrong_ids", counters->wrong_ids},
        {"silenced", counters->silenced},
        {"ignored", counters->ignored},
        {"overloaded", counters->overloaded},
        {"sessions_proven", counters->sessions_proven},
        {"sessions_ended", counters->sessions_ended},
    };
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        bh_order_put_number(object, all[i].name, all[i].value);
    return object;
}

void bh_order_status(struct bh_order *order)
{
    struct bh_driver *driver = order->driver;
    json_t *answer = order->answer;
    char instance[20];

    snprintf(instance, sizeof instance, "%016llx",
             (unsigned long long)bh_admin_instance(driver->server));
    bh_order_put_text(answer, "version", BH_VERSION);
    bh_order_put_number(answer, "pid", (uint64_t)getpid());
    bh_order_put_text(answer, "instance", instance);
    bh_order_put_number(answer, "uptime_s",
                        (driver->now - driver->started) / 1000);
    json_object_set_new(answer, "listen", listeners_of(driver));
    if (driver->state.map != NULL)
        bh_order_put_text(answer, "state", driver->state.path);
    bh_order_put_number(answer, "sessions",
                        bh_server_session_count(driver->server));
    bh_order_put_number(answer, "sessions_max",
                        bh_admin_session_max(driver->server));
    bh_order_put_flag(answer, "failed", bh_server_poisoned(driver->server));
    bh_order_put_flag(answer, "stopping", driver->stopping);
    json_object_set_new(answer, "counters", counters_of(driver->server));
}
