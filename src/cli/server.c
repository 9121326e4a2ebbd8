/* SPDX-License-Identifier: MIT */
#include "cli/server.h"

#include "cli/message.h"
#include "cli/options.h"
#include "cli/target.h"

#define WAIT_MS 5000u

bool server_ask(const struct target *target, const struct options *options,
                struct bh_info *out)
{
    const uint32_t wait_ms =
        options->timeout_ms != 0 ? options->timeout_ms : WAIT_MS;
    char why[256] = "";

    if (bh_server_info(&target->url, wait_ms, out, why, sizeof(why)) == 0)
        return true;
    complain("%s", why);
    return false;
}
