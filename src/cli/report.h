/* SPDX-License-Identifier: MIT */
/* The summary of a copy: a line on standard error, or a JSON object. */
#ifndef BH_CLI_REPORT_H
#define BH_CLI_REPORT_H

#include <stdint.h>

struct json;
struct options;
struct progress;
struct volume;

/* "disk.img: 1.4 MiB in 0:03, 470 KiB/s"; and how many datagrams had to be sent
 * again, if any. Nothing with --quiet or --json. */
void report_line(const struct options *options, const struct volume *volume,
                 const struct progress *progress);

/* The same as an object, to which the command adds what is its own. */
struct json *report_json(const struct volume *volume,
                         const struct progress *progress);

#endif
