/* SPDX-License-Identifier: MIT */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/size.h"
#include "cli/volume.h"

#define NS_PER_SECOND 1000000000u

void report_line(const struct options *options, const struct volume *volume,
                 const struct progress *progress)
{
    char size[SIZE_TEXT_LEN], rate[SIZE_TEXT_LEN], time[SIZE_TEXT_LEN];
    char again[64] = "";
    const uint64_t ns = progress_elapsed_ns(progress);
    struct bh_stats stats;

    if (options->quiet || options->json)
        return;
    bh_disk_stats(volume->disk, &stats);
    if (stats.retransmissions != 0)
        snprintf(again, sizeof(again), ", %" PRIu64 " datagram%s sent again",
                 stats.retransmissions, stats.retransmissions == 1 ? "" : "s");
    note("%s: %s in %s%s%s%s", progress->label,
         size_format(size, progress->done),
         clock_format(time, ns / NS_PER_SECOND),
         progress->done != 0 ? ", " : "",
         progress->done != 0 ? rate_format(rate, progress->done, ns) : "",
         again);
}

struct json *report_json(const struct volume *volume,
                         const struct progress *progress)
{
    struct json *report = json_object_begin();
    struct bh_stats stats;

    bh_disk_stats(volume->disk, &stats);
    json_put_text(report, "url", volume->target.text);
    json_put_number(report, "bytes", progress->done);
    json_put_number(report, "volume_bytes", volume->bytes);
    json_put_flag(report, "volume_bytes_exact", volume->slack == 0);
    json_put_number(report, "sector_length", volume->sector_len);
    json_put_real(report, "seconds",
                  (double)progress_elapsed_ns(progress) / NS_PER_SECOND);
    json_put_number(report, "requests", stats.requests);
    json_put_number(report, "retransmissions", stats.retransmissions);
    json_put_number(report, "reconnections", stats.reconnections);
    return report;
}
