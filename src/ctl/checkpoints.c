/* SPDX-License-Identifier: MIT */
/* blockhead-ctl checkpoints: what a volume can be rolled back to. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void number_of(const json_t *checkpoint, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64, show_number(checkpoint, "number"));
}

static void time_of(const json_t *checkpoint, char text[CELL_LEN])
{
    const time_t at = (time_t)show_number(checkpoint, "time");
    struct tm local;

    if (localtime_r(&at, &local) == NULL ||
        strftime(text, CELL_LEN, "%Y-%m-%d %H:%M:%S", &local) == 0)
        snprintf(text, CELL_LEN, "-");
}

static void bytes_of(const json_t *checkpoint, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64, show_number(checkpoint, "bytes"));
}

static void label_of(const json_t *checkpoint, char text[CELL_LEN])
{
    show_text(checkpoint, "label", text);
}

COMMAND(run_checkpoints)
{
    static const struct column columns[] = {{"NUMBER", true, number_of},
                                            {"TIME", false, time_of},
                                            {"BYTES", true, bytes_of},
                                            {"LABEL", false, label_of},
                                            {NULL, false, NULL}};
    json_t *answer;
    const int code =
        ask(options,
            json_pack("{s:s,s:s}", "do", "checkpoints", "volume", operands[0]),
            &answer);

    (void)count;
    if (answer != NULL)
        show_table(answer, "checkpoints", columns);
    json_decref(answer);
    return code;
}
