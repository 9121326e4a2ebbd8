/* SPDX-License-Identifier: MIT */
/* blockhead-ctl slots: what is in which. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void slot_of(const json_t *slot, char text[CELL_LEN])
{
    show_text(slot, "slot", text);
}

static void image_of(const json_t *slot, char text[CELL_LEN])
{
    if (json_object_get(slot, "image") == NULL)
        snprintf(text, CELL_LEN, "-");
    else
        show_text(slot, "image", text);
}

static void state_of(const json_t *slot, char text[CELL_LEN])
{
    const bool empty = show_flag(slot, "empty");
    const bool there = json_object_get(slot, "image") != NULL;

    snprintf(text, CELL_LEN, "%s",
             empty && there              ? "cannot be served"
             : empty                     ? "empty"
             : show_flag(slot, "locked") ? "locked"
                                         : "there");
}

static void sessions_of(const json_t *slot, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64, show_number(slot, "sessions"));
}

COMMAND(run_slots)
{
    static const struct column columns[] = {{"SLOT", false, slot_of},
                                            {"IMAGE", false, image_of},
                                            {"STATE", false, state_of},
                                            {"SESSIONS", true, sessions_of},
                                            {NULL, false, NULL}};
    json_t *answer;
    const int code = ask(options, json_pack("{s:s}", "do", "slots"), &answer);

    (void)operands;
    (void)count;
    if (answer != NULL)
        show_table(answer, "slots", columns);
    json_decref(answer);
    return code;
}
