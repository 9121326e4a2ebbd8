/* SPDX-License-Identifier: MIT */
/* A configuration that is read again, and what of it is not there. */
#include "core/admin.h"
#include "daemon/clock.h"
#include "daemon/internal.h"

#include <stdlib.h>

static void say_volume(void *context, const char *name, const char *cause)
{
    (void)context;
    bh_log_say("volume '%s' cannot be served as configured: %s", name, cause);
}

static void say_default(struct bh_driver *driver, const char *image)
{
    struct bh_volume_facts facts;
    char cause[BH_CAUSE_LEN];

    if (bh_catalogue_lookup(driver->catalogue, image, NULL, &facts, cause) != 0)
        bh_log_say("default image '%s' cannot be served: %s", image, cause);
}

void bh_reload_check(struct bh_driver *driver, const struct bh_config *config)
{
    bh_catalogue_check(driver->catalogue, say_volume, NULL);
    if (config->default_image != NULL)
        say_default(driver, config->default_image);
    for (size_t i = 0; i < config->host_count; i++)
        say_default(driver, config->hosts[i].image);
}

void bh_reload_drop(struct bh_config *config)
{
    bh_config_free(config);
    free(config);
}

/* NBD servers may be slower still. */
static void ask_in_thread(uv_work_t *uv)
{
    struct bh_driver *driver = uv->data;

    bh_catalogue_ask(driver->catalogue, say_volume, NULL);
}

void bh_reload_ask(struct bh_driver *driver)
{
    driver->asking.data = driver;
    if (bh_catalogue_has_remote(driver->catalogue))
        uv_queue_work(&driver->loop, &driver->asking, ask_in_thread, NULL);
}

/* Directories may be slow, so this is done beside the loop. */
static void reload_in_thread(uv_work_t *uv)
{
    struct bh_reloading *reloading = uv->data;
    struct bh_driver *driver = reloading->driver;

    reloading->error = bh_catalogue_set(
        driver->catalogue, &reloading->config->contents, reloading->problem);
    if (reloading->error != 0)
        return;
    bh_reload_check(driver, reloading->config);
    bh_catalogue_ask(driver->catalogue, say_volume, NULL);
}

static void reloaded(uv_work_t *uv, int cancelled)
{
    struct bh_reloading *reloading = uv->data;
    struct bh_driver *driver = reloading->driver;

    (void)cancelled;
    if (reloading->error == 0) {
        bh_reload_drop(driver->config);
        driver->config = reloading->config;
        bh_log_say("configuration read again; sessions go on as they were "
                   "opened, 'listen', 'sessions', 'state' and 'control' need a "
                   "restart");
    } else {
        bh_log_say("configuration unchanged: %s", reloading->problem);
        bh_reload_drop(reloading->config);
    }
    reloading->config = NULL;
}

/* A mistake in the new configuration changes nothing. */
void bh_reload_begin(uv_signal_t *uv, int number)
{
    struct bh_driver *driver = uv->data;
    struct bh_reloading *reloading = &driver->reloading;

    (void)number;
    if (reloading->config != NULL) {
        bh_log_say("still reading the configuration; send SIGHUP again later");
        return;
    }
    driver->now = bh_clock_ms();
    bh_admin_reopen(driver->server, driver->now, NULL, NULL);
    bh_driver_pump(driver);
    reloading->config = driver->reload(driver->context, reloading->problem);
    if (reloading->config == NULL) {
        bh_log_say("configuration unchanged: %s", reloading->problem);
        return;
    }
    reloading->driver = driver;
    reloading->uv.data = reloading;
    uv_queue_work(&driver->loop, &reloading->uv, reload_in_thread, reloaded);
}
