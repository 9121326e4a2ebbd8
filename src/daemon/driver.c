/* SPDX-License-Identifier: MIT */
#include "daemon/driver.h"

#include "core/limits.h"
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/remote.h"
#include "volume/recover.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/*
 * The loop.
 */

static void bring_random(struct bh_driver *driver)
{
    uint8_t bytes[BH_RANDOM_POOL_LEN];
    size_t wanted = bh_server_random_wanted(driver->server);

    if (wanted < sizeof bytes / 2)
        return;
    if (getrandom(bytes, wanted, 0) == (ssize_t)wanted)
        bh_server_add_random(driver->server, bytes, wanted);
}

void bh_driver_bring_time(struct bh_driver *driver)
{
    time_t now = time(NULL);
    struct tm local;

    if (now == driver->calendar_s)
        return;
    driver->calendar_s = now;
    bh_log_flush(&driver->log, driver->now);
    localtime_r(&now, &local);
    bh_server_set_time(driver->server, (uint64_t)now,
                       (int16_t)(local.tm_gmtoff / 60));
}

static void timer_due(uv_timer_t *uv)
{
    struct bh_driver *driver = uv->data;

    driver->now = bh_clock_ms();
    bh_server_expire(driver->server, driver->now);
    bh_driver_pump(driver);
}

static void set_timer(struct bh_driver *driver)
{
    uint64_t deadline = bh_server_deadline(driver->server), now = driver->now;

    if (deadline == UINT64_MAX)
        uv_timer_stop(&driver->timer);
    else
        uv_timer_start(&driver->timer, timer_due,
                       deadline > now ? deadline - now : 0, 0);
}

static void stop_when_idle(struct bh_driver *driver)
{
    if (driver->stopping && bh_server_idle(driver->server))
        uv_stop(&driver->loop);
}

void bh_driver_pump(struct bh_driver *driver)
{
    struct bh_event event;

    bh_jobs_begin(driver);
    bh_traffic_send(driver);
    while (bh_server_next_event(driver->server, &event))
        bh_log_event(&driver->log, driver->now, &event);
    bring_random(driver);
    set_timer(driver);
    stop_when_idle(driver);
}

/*
 * Signals.
 */

static void stop(uv_signal_t *uv, int number)
{
    struct bh_driver *driver = uv->data;

    if (driver->stopping) {
        bh_log_say("ended at once; what was acknowledged and not flushed is "
                   "in the page cache");
        _exit(128 + number);
    }
    driver->stopping = true;
    bh_log_say("ending: making everything stable; %u sessions %s",
               (unsigned)bh_server_session_count(driver->server),
               driver->state.map != NULL ? "are kept for the next server"
                                         : "end");
    bh_traffic_stop(driver);
    bh_remotes_stop(driver);
    driver->now = bh_clock_ms();
    bh_server_stop(driver->server, driver->now);
    bh_driver_pump(driver);
}

/*
 * Beginning and end.
 */

static void start_loop(struct bh_driver *driver)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    signal(SIGPIPE, SIG_IGN); /* a log that nobody reads */
    signal(SIGXFSZ, SIG_IGN); /* error 13 says it */
    uv_loop_init(&driver->loop);
    uv_timer_init(&driver->loop, &driver->timer);
    driver->timer.data = driver;
    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&driver->loop, &driver->signals[i]);
        driver->signals[i].data = driver;
        uv_signal_start(&driver->signals[i],
                        numbers[i] == SIGHUP ? bh_reload_begin : stop,
                        numbers[i]);
    }
    bh_traffic_start(driver);
    if (driver->control != NULL)
        bh_control_start(driver->control);
    driver->started = driver->now = bh_clock_ms();
    bring_random(driver);
    bh_driver_bring_time(driver);
}

static void say_unfinished(void *context, const char *image, const char *cause)
{
    (void)context;
    bh_log_say("image '%s' is not served: a rollback was not finished: %s",
               image, cause);
}

struct bh_driver *bh_driver_new(struct bh_config *config, bh_reload *reload_,
                                void *context, char problem[BH_PROBLEM_LEN])
{
    struct bh_driver *driver = calloc(1, sizeof *driver);
    int error;

    if (driver == NULL) {
        snprintf(problem, BH_PROBLEM_LEN, "out of memory");
        return NULL;
    }
    driver->config = config;
    driver->reload = reload_;
    driver->context = context;
    error = bh_traffic_open(driver, problem);
    if (error == 0)
        error = bh_start_reserve(driver, problem);
    if (error == 0 && !config->read_only)
        bh_recover_contents(&config->contents, say_unfinished, NULL);
    if (error == 0)
        error = bh_catalogue_set(driver->catalogue, &config->contents, problem);
    if (error == 0)
        error = bh_control_open(driver, problem);
    if (error == 0) {
        start_loop(driver);
        bh_reload_check(driver, config);
        bh_reload_ask(driver);
        return driver;
    }
    bh_traffic_close(driver);
    bh_catalogue_free(driver->catalogue);
    bh_pool_free(driver->pool);
    bh_state_close(&driver->state);
    free(driver->memory);
    free(driver);
    return NULL;
}

struct bh_catalogue *bh_driver_catalogue(struct bh_driver *driver)
{
    return driver->catalogue;
}

const struct bh_place *bh_driver_place(const struct bh_driver *driver,
                                       size_t index)
{
    return index < driver->listener_count ? &driver->listeners[index].place
                                          : NULL;
}

bool bh_driver_run(struct bh_driver *driver)
{
    bh_driver_pump(driver); /* sessions that go on need their volumes */
    uv_run(&driver->loop, UV_RUN_DEFAULT);
    return !bh_server_poisoned(driver->server);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void bh_driver_free(struct bh_driver *driver)
{
    const struct bh_counters *counters = bh_server_counters(driver->server);

    bh_log_flush(&driver->log, bh_clock_ms() + BH_LOG_PERIOD_MS);
    bh_log_say("ended; %llu datagrams received, %llu replies, %llu reads, "
               "%llu writes",
               (unsigned long long)counters->received,
               (unsigned long long)counters->replied,
               (unsigned long long)counters->reads,
               (unsigned long long)counters->writes);
    uv_walk(&driver->loop, close_handle, NULL);
    uv_run(&driver->loop, UV_RUN_DEFAULT);
    uv_loop_close(&driver->loop);
    bh_remotes_free(driver);
    bh_control_free(driver->control);
    bh_traffic_close(driver);
    bh_catalogue_free(driver->catalogue);
    bh_reload_drop(driver->config);
    bh_pool_free(driver->pool);
    bh_state_close(&driver->state);
    free(driver->memory);
    free(driver);
}
