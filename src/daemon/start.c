/* SPDX-License-Identifier: MIT */
/* What a server has before its first datagram: memory, and what an earlier one
 * left. */
#include "core/limits.h"
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "volume/layer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_SPARE 256u

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
    const struct bh_place *wanted = &driver->config->listen[0];
    char *path;

    if (!bh_place_lasts(wanted))
        return NULL;
    path = bh_state_default(wanted);
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

    driver->server = bh_server_init(driver->memory, config, bh_clock_ms(),
                                    bh_state_table(&driver->state));
    bh_state_rest(&driver->state);
    count = bh_server_session_count(driver->server);
    if (count > 0)
        bh_log_say("%u sessions of an earlier server go on", (unsigned)count);
}

static bool has_layer(void *server, uint64_t layer)
{
    return bh_server_has_layer(server, layer);
}

/* Without them, scratch volumes can only be read. */
static void take_layers(struct bh_driver *driver)
{
    const struct bh_state *state = &driver->state;
    int dir, error;

    if (state->map == NULL)
        return;
    dir = bh_state_layers(state);
    if (dir < 0) {
        bh_log_say("scratch volumes cannot be written to: %s/scratch: %s",
                   state->path, strerror(-dir));
        return;
    }
    error = bh_layer_sweep(dir, has_layer, driver->server);
    if (error != 0)
        bh_log_say("some of %s/scratch is not needed, and cannot be removed: "
                   "%s",
                   state->path, strerror(-error));
    bh_catalogue_keep_layers(driver->catalogue, dir);
}

/* A session needs two at most: its image, and what it writes over it. Shells
 * and systemd allow 1024 of the many more that one may ask for. */
static void allow_files(const struct bh_driver *driver)
{
    rlim_t wanted = 2 * (rlim_t)driver->config->session_count + FILES_SPARE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    if (limit.rlim_max < wanted)
        bh_log_say("%u sessions may need %llu open files, and the system "
                   "allows %llu",
                   (unsigned)driver->config->session_count,
                   (unsigned long long)wanted,
                   (unsigned long long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int bh_start_reserve(struct bh_driver *driver, char problem[BH_PROBLEM_LEN])
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
                               bh_jobs_finished, driver);
    if (driver->memory == NULL || driver->pool == NULL ||
        driver->catalogue == NULL)
        return say_no_memory(driver, problem);
    allow_files(driver);
    bh_catalogue_introduce(driver->catalogue, bh_driver_about, driver);
    error = open_state(driver, &config, problem);
    if (error != 0)
        return error;
    remember_numbers(driver);
    start_server(driver, &config);
    take_layers(driver);
    return 0;
}
