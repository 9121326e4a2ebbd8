/* SPDX-License-Identifier: MIT */
#include "client/extra.h"

#include <stddef.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/label.h"
#include "wire/moment.h"
#include "wire/opcode.h"
#include "wire/protocol.h"

static const uint8_t opcodes[] = {[BH_REQUEST_TRIM] = BH_OP_TRIM,
                                  [BH_REQUEST_ZERO] = BH_OP_ZERO,
                                  [BH_REQUEST_CHECKSUM] = BH_OP_CHECKSUM,
                                  [BH_REQUEST_TIME] = BH_OP_TIME,
                                  [BH_REQUEST_CHECKPOINT] = BH_OP_CHECKPOINT,
                                  [BH_REQUEST_EJECT] = BH_OP_EJECT,
                                  [BH_REQUEST_LOCK] = BH_OP_LOCK,
                                  [BH_REQUEST_UNLOCK] = BH_OP_UNLOCK};

const char *bh_extra_lacks(const struct bh_info *info,
                           enum bh_request_kind kind)
{
    const struct bh_opcode_row *row;

    if (kind < BH_REQUEST_TRIM)
        return NULL;
    row = bh_opcode_find(opcodes[kind]);
    if (info->features & (uint32_t)1 << row->code &&
        (info->strict || !(row->flags & BH_OP_STRICT)))
        return NULL;
    return row->name;
}

uint32_t bh_extra_unit(const struct bh_info *info)
{
    uint32_t unit = info->sector_len > 0 ? info->job_len / info->sector_len : 0;

    if (unit > UINT16_MAX)
        return UINT16_MAX;
    return unit > 0 ? unit : 1;
}

bool bh_extra_set_label(struct bh_request *request, const char *label)
{
    char clean[BH_LABEL_LEN + 1];
    size_t len = strnlen(label, UINT16_MAX);

    if (bh_label_clean(label, (unsigned)len, clean) != BH_OK)
        return false;
    len = strlen(clean);
    request->label[0] = (uint8_t)len;
    memcpy(request->label + 1, clean, len);
    return true;
}

void bh_extra_compose(struct bh_tiny *tiny, const struct bh_request *request,
                      uint32_t at)
{
    uint32_t lsn = bh_request_lsn(request, at);

    switch (request->kind) {
    case BH_REQUEST_TIME:
        bh_tiny_time(tiny);
        break;
    case BH_REQUEST_CHECKSUM:
        bh_tiny_command(tiny, BH_OP_CHECKSUM, lsn, BH_CHECKSUM_LEN);
        break;
    default:
        bh_tiny_command(tiny, opcodes[request->kind], lsn, 0);
    }
}

/* How many sectors this part has. */
static uint16_t length_of(const struct bh_request *request, uint32_t at)
{
    uint32_t left = request->span - at * request->unit;

    return (uint16_t)(left < request->unit ? left : request->unit);
}

/* What covers sectors is over when they have been read or made, so that the
 * round trip says little of the path; but a CHECKSUM that is lost must not take
 * a second. */
void bh_extra_arm(const struct bh_path *path, struct bh_pane *pane,
                  struct bh_request *request, uint64_t now_us)
{
    struct bh_exchange *exchange = &pane->exchange;
    struct bh_tiny *tiny = &exchange->tiny;
    size_t len = 0;

    if (request->unit != 0) {
        bh_put16(pane->body, length_of(request, pane->at));
        bh_tiny_body(tiny, pane->body, sizeof(pane->body));
    } else if (request->kind == BH_REQUEST_CHECKPOINT) {
        bh_tiny_body(tiny, request->label, (uint16_t)(request->label[0] + 1u));
    }
    if (request->kind == BH_REQUEST_CHECKSUM)
        len = BH_CHECKSUM_LEN;
    else if (request->kind == BH_REQUEST_TIME)
        len = BH_MOMENT_LEN;
    bh_exchange_begin(exchange, path, len > 0 ? request->answer : NULL, len,
                      len > 0, now_us);
}

static void tell_time(const uint8_t *bytes, struct bh_time *out)
{
    struct bh_moment moment;

    bh_moment_decode(bytes, &moment);
    *out = (struct bh_time){.utc_seconds = moment.utc_seconds,
                            .zone_minutes = moment.zone_minutes,
                            .year = moment.year,
                            .month = moment.month,
                            .day = moment.day,
                            .hour = moment.hour,
                            .minute = moment.minute,
                            .second = moment.second,
                            .weekday = moment.weekday};
}

void bh_extra_tell(const struct bh_request *request)
{
    uint32_t *crc = request->told;

    if (request->kind == BH_REQUEST_TIME)
        tell_time(request->answer, request->told);
    else
        *crc = BH_GET32(request->answer);
}
