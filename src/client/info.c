/* SPDX-License-Identifier: MIT */
#include "client/info.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "wire/protocol.h"

static void set_flags(struct bh_info *out, unsigned flags)
{
    out->read_only = (flags & BH_VOLUME_READ_ONLY) != 0;
    out->removable = (flags & BH_VOLUME_REMOVABLE) != 0;
    out->locked = (flags & BH_VOLUME_LOCKED) != 0;
    out->shared = (flags & BH_VOLUME_SHARED) != 0;
    out->scratch = (flags & BH_VOLUME_SCRATCH) != 0;
    out->may_grow = (flags & BH_VOLUME_MAY_GROW) != 0;
    out->keyed = (flags & BH_VOLUME_KEYED) != 0;
}

/* Files end at 2^63 bytes; above that, sizes would wrap. */
static bool is_countable(const struct bh_identify *identify)
{
    return identify->sector_count <=
           (uint64_t)INT64_MAX / BH_SECTOR_LEN(identify->sector_exponent);
}

int bh_info_decode(const uint8_t bytes[BH_IDENTIFY_LEN], struct bh_info *out)
{
    struct bh_identify identify;

    if (bh_identify_decode(bytes, &identify) != BH_OK ||
        identify.sector_exponent > BH_SECTOR_EXPONENT_MAX ||
        !is_countable(&identify))
        return -EPROTO;
    memset(out, 0, sizeof(*out));
    out->sector_len = BH_SECTOR_LEN(identify.sector_exponent);
    out->sector_count = identify.sector_count;
    out->change_counter = identify.change_counter;
    out->instance = identify.instance;
    out->utc_seconds = identify.utc_seconds;
    out->zone_minutes = identify.zone_minutes;
    out->features = identify.features;
    out->job_len = identify.heavy_len;
    out->window = identify.window;
    out->preferred_run = identify.preferred_run;
    out->lease_seconds = identify.lease_seconds;
    set_flags(out, identify.flags);
    memcpy(out->name, identify.name, sizeof(out->name));
    return 0;
}
