/* SPDX-License-Identifier: MIT */
#include "cli/span.h"

#include <inttypes.h>

#include "cli/json.h"
#include "cli/message.h"
#include "cli/number.h"
#include "cli/volume.h"

bool span_parse(char *const operands[], int count, struct span *out)
{
    uint64_t lsn = 0, sectors = count > 0;

    if ((count > 0 && !number_parse(operands[0], 0, UINT32_MAX, &lsn)) ||
        (count > 1 && !number_parse(operands[1], 1, UINT32_MAX, &sectors))) {
        complain("\"%s\" does not do: LSN is a number from 0 to 4294967295, "
                 "COUNT one from 1 on",
                 operands[count - 1]);
        return false;
    }
    *out = (struct span){(uint32_t)lsn, sectors};
    return true;
}

bool span_fits(const struct span *span, const struct volume *volume,
               const char *action)
{
    if (!volume->known || (span->lsn <= volume->sector_count &&
                           span->count <= volume->sector_count - span->lsn))
        return true;
    complain("cannot %s as far as LSN %" PRIu64 " of %s: it has %" PRIu64
             " sectors of %u bytes",
             action, span->lsn + span->count - 1, volume->target.text,
             volume->sector_count, (unsigned)volume->sector_len);
    return false;
}

struct json *span_json(const struct span *span, const struct volume *volume)
{
    struct json *report = json_object_begin();

    json_put_text(report, "url", volume->target.text);
    json_put_number(report, "lsn", span->lsn);
    json_put_number(report, "count", span->count);
    json_put_number(report, "sector_length", volume->sector_len);
    return report;
}
