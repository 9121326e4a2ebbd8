/* SPDX-License-Identifier: MIT */
/* blockhead-ctl create: a new image. */
#include "cli/message.h"
#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/fat.h"
#include "ctl/options.h"
#include "daemon/value.h"

COMMAND(run_create)
{
    json_t *request, *data = NULL;
    uint64_t bytes;

    (void)count;
    if (!bh_value_size(operands[1], &bytes) || bytes == 0 ||
        bytes > INT64_MAX) {
        complain("\"%s\" is no size: 1474560, 720K or 32M are", operands[1]);
        return EXIT_USAGE;
    }
    if (options->fat && (data = fat_make(bytes)) == NULL)
        return EXIT_TROUBLE;
    request = json_pack("{s:s,s:s,s:I,s:o*}", "do", "create", "name",
                        operands[0], "bytes", (json_int_t)bytes, "data", data);
    if (request == NULL) {
        complain("cannot create this: its name is no UTF-8");
        return EXIT_USAGE;
    }
    return ask_order(options, request);
}
