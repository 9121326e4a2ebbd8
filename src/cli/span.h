/* SPDX-License-Identifier: MIT */
/* Sectors as a person names them: LSN, or LSN and COUNT. */
#ifndef BH_CLI_SPAN_H
#define BH_CLI_SPAN_H

#include <stdbool.h>
#include <stdint.h>

struct json;
struct volume;

struct span {
    uint32_t lsn;
    uint64_t count; /* 0: all of the volume */
};

/* Of `count` operands: none is all, one a single sector. False after a
 * complaint. */
bool span_parse(char *const operands[], int count, struct span *out);

/* Whether the open volume has them; else it complains that it cannot `action`.
 */
bool span_fits(const struct span *span, const struct volume *volume,
               const char *action);

struct json *span_json(const struct span *span, const struct volume *volume);

#endif
