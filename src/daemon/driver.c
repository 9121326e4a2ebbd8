/* SPDX-License-Identifier: MIT */
#include "daemon/driver.h"

#include "core/limits.h"
#include "core/server.h"
#include "daemon/log.h"
#include "daemon/peer.h"
#include "daemon/pool.h"
#include "daemon/state.h"
#include "daemon/storage.h"
#include "volume/list.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* What every path carries; only longer ones are asked about. */
#define MTU_DATAGRAM_LEN                                                       \
    (BH_COMMAND_HEADER_LEN + BH_SECTOR_LEN(BH_SECTOR_EXPONENT_MTU))

#define BIND_WAIT_MS 2000u
#define BIND_PAUSE_MS 20u

/* A configuration on its way in; NULL: none is. */
struct reloading {
    uv_work_t uv;
    struct bh_driver *driver;
    struct bh_config *config;
    int error;
    char problem[BH_PROBLEM_LEN];
};

struct listener {
    uv_poll_t uv;
    struct bh_driver *driver;
};

struct bh_driver {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[3];
    struct bh_config *config;
    bh_reload *reload;
    void *context;
    struct reloading reloading;

    struct bh_server *server;
    void *memory;
    struct bh_state state;
    struct bh_catalogue *catalogue;
    struct bh_pool *pool;
    struct bh_log log;
    uint64_t now;     /* when the loop last woke up */
    uint64_t done_ns; /* when the last requests were answered */
    bool brisk;       /* the one before them came soon after an answer */
    bool can_look;    /* there is another processor for whoever sends */

    struct bh_udp udp[BH_LISTEN_MAX];
    struct listener listeners[BH_LISTEN_MAX];
    size_t listener_count;
    struct bh_udp_batch batch;

    unsigned unanswered; /* datagrams taken since replies were last sent */
    time_t calendar_s;   /* when the core was last told the time */
    bool stopping;
};

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

static void pump(struct bh_driver *driver);

/*
 * Storage.
 */

static bool in_use(void *server, uint64_t device, uint64_t inode)
{
    return bh_server_in_use(server, device, inode);
}

/* What only this thread may add to the result of a job. */
static void complete(struct bh_driver *driver, struct bh_job *job,
                     uint8_t status)
{
    if (status != BH_OK)
        return;
    if (job->kind == BH_JOB_LOOKUP && job->len > MTU_DATAGRAM_LEN) {
        struct bh_route route = bh_path_route(job->route);

        job->facts->datagram_len = bh_udp_path_len(&route.udp);
    } else if (job->kind == BH_JOB_ATTACH && bh_list_is(job->facts)) {
        bh_list_mark(job->medium, in_use, driver->server);
    }
}

static void job_finished(void *context, struct bh_job *job, uint8_t status,
                         const char *cause)
{
    struct bh_driver *driver = context;

    driver->now = clock_ms();
    complete(driver, job, status);
    bh_log_storage(&driver->log, driver->now, job, cause);
    bh_server_finish(driver->server, driver->now, job, status);
    pump(driver);
}

/* What an empty name means for the client that a LOOKUP is for. */
static const char *default_image_of(const struct bh_driver *driver,
                                    const struct bh_job *job)
{
    struct bh_route route;
    struct bh_address address;
    char host[BH_ADDRESS_TEXT_LEN];

    if (job->kind != BH_JOB_LOOKUP)
        return NULL;
    route = bh_path_route(job->route);
    bh_udp_route_address(&route.udp, &address);
    return bh_config_default_image(driver->config,
                                   bh_address_print_host(&address, host));
}

static void do_jobs(struct bh_driver *driver)
{
    struct bh_job *job;

    while ((job = bh_server_next_job(driver->server)) != NULL) {
        if (bh_storage_do_now(job))
            bh_server_finish(driver->server, driver->now, job, BH_OK);
        else
            bh_pool_start(driver->pool, job, default_image_of(driver, job));
    }
}

/*
 * Replies.
 */

static void send_through(struct bh_driver *driver, size_t listener,
                         const struct bh_send *sends, unsigned count)
{
    struct bh_datagrams datagrams[BH_UDP_BATCH];
    unsigned mine = 0;

    for (unsigned i = 0; i < count; i++) {
        struct bh_route route = bh_path_route(sends[i].path->route);

        if (route.listener == listener)
            datagrams[mine++] = (struct bh_datagrams){
                route.udp, sends[i].bytes, sends[i].len * sends[i].count,
                sends[i].len};
    }
    if (mine > 0 && !bh_udp_send(&driver->udp[listener], datagrams, mine))
        bh_log_say("the kernel does not cut datagrams on the way of %s; they "
                   "are sent one by one from now on",
                   driver->config->listen[listener]);
}

static void send_replies(struct bh_driver *driver)
{
    struct bh_send sends[BH_UDP_BATCH];
    unsigned count;

    driver->unanswered = 0;
    do {
        count = 0;
        while (count < BH_UDP_BATCH &&
               bh_server_next_send(driver->server, &sends[count]))
            count++;
        for (size_t i = 0; i < driver->listener_count; i++)
            send_through(driver, i, sends, count);
        for (unsigned i = 0; i < count; i++)
            bh_server_sent(driver->server, &sends[i]);
    } while (count == BH_UDP_BATCH);
}

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

static void bring_time(struct bh_driver *driver)
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

    driver->now = clock_ms();
    bh_server_expire(driver->server, driver->now);
    pump(driver);
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

/* After anything has happened: does what the core now wants. */
static void pump(struct bh_driver *driver)
{
    struct bh_event event;

    do_jobs(driver);
    send_replies(driver);
    while (bh_server_next_event(driver->server, &event))
        bh_log_event(&driver->log, driver->now, &event);
    bring_random(driver);
    set_timer(driver);
    stop_when_idle(driver);
}

/* A long batch is answered in parts, so that its client can go on meanwhile. */
#define SEND_EVERY 32u

static void receive_each(struct bh_driver *driver, size_t index,
                         const struct bh_datagrams *datagrams)
{
    struct bh_path path = bh_path_make((uint8_t)index, &datagrams->route);
    const uint8_t *at = datagrams->bytes, *end = at + datagrams->len;

    do {
        size_t left = (size_t)(end - at);
        size_t len = left < datagrams->piece ? left : datagrams->piece;

        bh_server_receive(driver->server, driver->now, &path, at, len);
        do_jobs(driver); /* at once: what the page cache has needs no queue */
        if (++driver->unanswered == SEND_EVERY)
            send_replies(driver);
        at += len;
    } while (at < end);
}

static void receive_batch(struct bh_driver *driver, size_t index)
{
    for (unsigned i = 0; i < driver->batch.count; i++)
        receive_each(driver, index, &driver->batch.of[i]);
}

/* A client that sends its next request as soon as it has an answer sends it
 * within this time. To look for it so long costs less than to be woken, for
 * both. */
#define LOOK_NS 40000u

/* What has arrived; if the last request came soon after the answers before it,
 * what arrives soon. */
static int receive(struct bh_driver *driver, size_t index)
{
    struct bh_udp *udp = &driver->udp[index];
    int taken = bh_udp_receive(udp, &driver->batch);

    while (taken == 0 && driver->brisk) {
        driver->brisk = clock_ns() - driver->done_ns < LOOK_NS;
        taken = bh_udp_receive(udp, &driver->batch);
    }
    return taken;
}

/* A busy socket gives the loop a chance after this many batches. */
#define BATCHES_AT_ONCE 16

static void readable(uv_poll_t *uv, int status, int events)
{
    struct listener *listener = uv->data;
    struct bh_driver *driver = listener->driver;
    size_t index = (size_t)(listener - driver->listeners);

    (void)status; /* an error on a UDP socket is read away below */
    (void)events;
    bring_time(driver);
    driver->brisk = driver->can_look && clock_ns() - driver->done_ns < LOOK_NS;
    for (int i = 0; i < BATCHES_AT_ONCE; i++) {
        if (receive(driver, index) <= 0)
            break;
        driver->now = clock_ms();
        receive_batch(driver, index);
        pump(driver);
        driver->done_ns = clock_ns();
    }
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
    for (size_t i = 0; i < driver->listener_count; i++)
        uv_poll_stop(&driver->listeners[i].uv);
    driver->now = clock_ms();
    bh_server_stop(driver->server, driver->now);
    pump(driver);
}

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

/* What is configured and not there: it may come yet, or be a mistake. */
static void say_missing(struct bh_driver *driver,
                        const struct bh_config *config)
{
    bh_catalogue_check(driver->catalogue, say_volume, NULL);
    if (config->default_image != NULL)
        say_default(driver, config->default_image);
    for (size_t i = 0; i < config->host_count; i++)
        say_default(driver, config->hosts[i].image);
}

static void free_config(struct bh_config *config)
{
    bh_config_free(config);
    free(config);
}

/* Directories may be slow, so this is done beside the loop. */
static void reload_in_thread(uv_work_t *uv)
{
    struct reloading *reloading = uv->data;
    struct bh_driver *driver = reloading->driver;

    reloading->error = bh_catalogue_set(
        driver->catalogue, &reloading->config->contents, reloading->problem);
    if (reloading->error == 0)
        say_missing(driver, reloading->config);
}

static void reloaded(uv_work_t *uv, int cancelled)
{
    struct reloading *reloading = uv->data;
    struct bh_driver *driver = reloading->driver;

    (void)cancelled;
    if (reloading->error == 0) {
        free_config(driver->config);
        driver->config = reloading->config;
        bh_log_say("configuration read again; sessions go on as they were "
                   "opened, 'listen', 'sessions' and 'state' need a restart");
    } else {
        bh_log_say("configuration unchanged: %s", reloading->problem);
        free_config(reloading->config);
    }
    reloading->config = NULL;
}

/* A mistake in the new configuration changes nothing. */
static void reload(uv_signal_t *uv, int number)
{
    struct bh_driver *driver = uv->data;
    struct reloading *reloading = &driver->reloading;

    (void)number;
    if (reloading->config != NULL) {
        bh_log_say("still reading the configuration; send SIGHUP again later");
        return;
    }
    driver->now = clock_ms();
    bh_server_reopen(driver->server, driver->now);
    pump(driver);
    reloading->config = driver->reload(driver->context, reloading->problem);
    if (reloading->config == NULL) {
        bh_log_say("configuration unchanged: %s", reloading->problem);
        return;
    }
    reloading->driver = driver;
    reloading->uv.data = reloading;
    uv_queue_work(&driver->loop, &reloading->uv, reload_in_thread, reloaded);
}

/*
 * Beginning and end.
 */

/* A server that was just killed lets go of its socket when its last thread has
 * come back from the disk. */
static int open_patiently(const struct bh_address *address, struct bh_udp *udp)
{
    uint64_t due = clock_ms() + BIND_WAIT_MS;
    int error = bh_udp_open(address, udp);

    while (error == -EADDRINUSE && clock_ms() < due) {
        uv_sleep(BIND_PAUSE_MS);
        error = bh_udp_open(address, udp);
    }
    return error;
}

static int open_listeners(struct bh_driver *driver,
                          char problem[BH_PROBLEM_LEN])
{
    const struct bh_config *config = driver->config;

    for (size_t i = 0; i < config->listen_count; i++) {
        struct bh_address address;
        int error;

        bh_address_parse(config->listen[i] + strlen("udp:"), BH_PORT, &address);
        error = open_patiently(&address, &driver->udp[i]);
        if (error != 0) {
            snprintf(problem, BH_PROBLEM_LEN, "cannot listen on %s: %s%s",
                     config->listen[i], strerror(-error),
                     error == -EADDRINUSE
                         ? "; another server runs there, or choose another "
                           "port with -l udp:ADDRESS:PORT"
                         : "");
            return error;
        }
        driver->listener_count++;
    }
    return 0;
}

static int say_no_memory(const struct bh_driver *driver, char *problem)
{
    snprintf(problem, BH_PROBLEM_LEN,
             "cannot reserve memory for %u sessions: %s",
             (unsigned)driver->config->session_count, strerror(ENOMEM));
    return -ENOMEM;
}

/* Where sessions are kept if nobody has said it; NULL: they are not, since
 * clients do not find a port again that was any free one. */
static char *default_state(const struct bh_driver *driver)
{
    struct bh_address wanted;
    char *path;

    bh_address_parse(driver->config->listen[0] + strlen("udp:"), BH_PORT,
                     &wanted);
    if (bh_address_port(&wanted) == 0)
        return NULL;
    path = bh_state_default(&wanted);
    if (path == NULL)
        bh_log_say("sessions will not outlive a restart: there is no home "
                   "directory to keep them in; name one with --state DIR");
    return path;
}

/* A directory that was asked for must be had; the default one is a favour. */
static int open_state(struct bh_driver *driver,
                      const struct bh_server_config *config,
                      char problem[BH_PROBLEM_LEN])
{
    const char *wanted = driver->config->state;
    char *path;

    if (wanted != NULL && strcmp(wanted, "none") == 0)
        return 0;
    if (wanted != NULL)
        return bh_state_open(&driver->state, wanted, config, problem);
    path = default_state(driver);
    if (path != NULL &&
        bh_state_open(&driver->state, path, config, problem) != 0)
        bh_log_say("sessions will not outlive a restart: %s", problem);
    free(path);
    return 0;
}

/* Numbers that cannot be kept are given anew, which clients that use them have
 * to learn. */
static void remember_numbers(struct bh_driver *driver)
{
    const struct bh_state *state = &driver->state;
    int error;

    if (state->map == NULL)
        return;
    error = bh_catalogue_remember(driver->catalogue, state->dir);
    if (error == -EBADMSG || error == -ENFILE) {
        bh_log_say("the file numbers in %s %s; it is set aside as "
                   "numbers.set-aside, and images get new numbers",
                   state->path,
                   error == -ENFILE ? "has used up all numbers" : "is damaged");
        renameat(state->dir, "numbers", state->dir, "numbers.set-aside");
        error = bh_catalogue_remember(driver->catalogue, state->dir);
    }
    if (error != 0)
        bh_log_say("the images' numbers will not outlive a restart: %s",
                   strerror(-error));
}

static void start_server(struct bh_driver *driver,
                         const struct bh_server_config *config)
{
    uint32_t count;

    driver->server = bh_server_init(driver->memory, config, clock_ms(),
                                    bh_state_table(&driver->state));
    bh_state_rest(&driver->state);
    count = bh_server_session_count(driver->server);
    if (count > 0)
        bh_log_say("%u sessions of an earlier server go on", (unsigned)count);
}

static int reserve(struct bh_driver *driver, char problem[BH_PROBLEM_LEN])
{
    struct bh_server_config config = {.session_count =
                                          driver->config->session_count,
                                      .request_count = BH_REQUESTS_DEFAULT,
                                      .volume_jobs = BH_POOL_VOLUME_JOBS};
    size_t jobs = bh_server_job_count(&config);
    int error;

    gethostname(config.name, sizeof config.name - 1);
    if (getrandom(&config.instance, sizeof config.instance, 0) < 0 ||
        getrandom(config.hash_key, sizeof config.hash_key, 0) < 0)
        return say_no_memory(driver, problem);
    driver->memory = calloc(1, bh_server_size(&config));
    driver->catalogue = bh_catalogue_new();
    driver->pool = bh_pool_new(&driver->loop, driver->catalogue, jobs,
                               job_finished, driver);
    if (driver->memory == NULL || driver->pool == NULL ||
        driver->catalogue == NULL)
        return say_no_memory(driver, problem);
    error = open_state(driver, &config, problem);
    if (error != 0)
        return error;
    remember_numbers(driver);
    start_server(driver, &config);
    return 0;
}

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
                        numbers[i] == SIGHUP ? reload : stop, numbers[i]);
    }
    for (size_t i = 0; i < driver->listener_count; i++) {
        struct listener *listener = &driver->listeners[i];

        listener->driver = driver;
        uv_poll_init(&driver->loop, &listener->uv, driver->udp[i].fd);
        listener->uv.data = listener;
        uv_poll_start(&listener->uv, UV_READABLE, readable);
    }
    driver->can_look = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    driver->now = clock_ms();
    bring_random(driver);
    bring_time(driver);
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
    error = open_listeners(driver, problem);
    if (error == 0)
        error = reserve(driver, problem);
    if (error == 0)
        error = bh_catalogue_set(driver->catalogue, &config->contents, problem);
    if (error == 0) {
        start_loop(driver);
        say_missing(driver, config);
        return driver;
    }
    for (size_t i = 0; i < driver->listener_count; i++)
        bh_udp_close(&driver->udp[i]);
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

const struct bh_udp *bh_driver_listeners(const struct bh_driver *driver,
                                         size_t *count)
{
    *count = driver->listener_count;
    return driver->udp;
}

bool bh_driver_run(struct bh_driver *driver)
{
    pump(driver); /* sessions that go on need their volumes */
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

    bh_log_flush(&driver->log, clock_ms() + BH_LOG_PERIOD_MS);
    bh_log_say("ended; %llu datagrams received, %llu replies, %llu reads, "
               "%llu writes",
               (unsigned long long)counters->received,
               (unsigned long long)counters->replied,
               (unsigned long long)counters->reads,
               (unsigned long long)counters->writes);
    uv_walk(&driver->loop, close_handle, NULL);
    uv_run(&driver->loop, UV_RUN_DEFAULT);
    uv_loop_close(&driver->loop);
    for (size_t i = 0; i < driver->listener_count; i++)
        bh_udp_close(&driver->udp[i]);
    bh_catalogue_free(driver->catalogue);
    free_config(driver->config);
    bh_pool_free(driver->pool);
    bh_state_close(&driver->state);
    free(driver->memory);
    free(driver);
}
