/* SPDX-License-Identifier: MIT */
/* What the core wants of the storage: done at once, or by a thread. */
#include "core/limits.h"
#include "daemon/clock.h"
#include "daemon/internal.h"
#include "daemon/peer.h"
#include "daemon/remote.h"
#include "daemon/storage.h"
#include "volume/list.h"

/* What every path carries; only longer ones are asked about. */
#define MTU_DATAGRAM_LEN                                                       \
    (BH_COMMAND_HEADER_LEN + BH_SECTOR_LEN(BH_SECTOR_EXPONENT_MTU))

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
        job->facts->datagram_len = bh_traffic_path_len(driver, job->route);
    } else if (job->kind == BH_JOB_ATTACH && bh_list_is(job->facts)) {
        bh_list_mark(job->medium, in_use, driver->server);
    }
    bh_remote_adopt(driver, job);
}

void bh_jobs_finished(void *context, struct bh_job *job, uint8_t status,
                      const char *cause)
{
    struct bh_driver *driver = context;

    driver->now = bh_clock_ms();
    complete(driver, job, status);
    bh_log_storage(&driver->log, driver->now, job, cause);
    bh_server_finish(driver->server, driver->now, job, status);
    bh_driver_pump(driver);
}

/* What an empty name means for the client that a LOOKUP is for. */
static const char *default_image_of(const struct bh_driver *driver,
                                    const struct bh_job *job)
{
    char host[BH_PLACE_TEXT_LEN];

    if (job->kind != BH_JOB_LOOKUP)
        return NULL;
    return bh_config_default_image(driver->config,
                                   bh_traffic_host(driver, job->route, host));
}

void bh_jobs_begin(struct bh_driver *driver)
{
    struct bh_job *job;

    while ((job = bh_server_next_job(driver->server)) != NULL) {
        if (bh_remote_begin(driver, job))
            continue;
        if (bh_storage_do_now(job))
            bh_server_finish(driver->server, driver->now, job, BH_OK);
        else
            bh_pool_start(driver->pool, job, default_image_of(driver, job));
    }
}
