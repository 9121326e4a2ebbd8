/* SPDX-License-Identifier: MIT */
/* blockhead-ctl volumes: what is served, and to how many. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void number_of(const json_t *volume, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, ":%" PRIu64, show_number(volume, "number"));
}

static void name_of(const json_t *volume, char text[CELL_LEN])
{
    show_text(volume, "name", text);
}

static void bytes_of(const json_t *volume, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64, show_number(volume, "bytes"));
}

static void mode_of(const json_t *volume, char text[CELL_LEN])
{
    show_text(volume, "mode", text);
}

/* From its NBD server. */
static bool is_cut_off(const json_t *volume)
{
    const char *state =
        json_string_value(json_object_get(volume, "connection"));

    return state != NULL && strcmp(state, "lost") == 0;
}

static void use_of(const json_t *volume, char text[CELL_LEN])
{
    static const char *const keys[] = {"writers", "readers", "looks"};
    static const char *const words[] = {"writing", "reading", "looking"};
    size_t len = 0;

    if (show_flag(volume, "failed"))
        len = (size_t)snprintf(text, CELL_LEN, "failed");
    else if (is_cut_off(volume))
        len = (size_t)snprintf(text, CELL_LEN, "no connection");
    for (size_t i = 0; i < 3; i++) {
        const uint64_t count = show_number(volume, keys[i]);

        if (count > 0)
            len +=
                (size_t)snprintf(text + len, CELL_LEN - len, "%s%" PRIu64 " %s",
                                 len > 0 ? ", " : "", count, words[i]);
    }
    if (len == 0)
        strcpy(text, "-");
}

COMMAND(run_volumes)
{
    static const struct column columns[] = {
        {"NUMBER", true, number_of}, {"NAME", false, name_of},
        {"BYTES", true, bytes_of},   {"MODE", false, mode_of},
        {"USE", false, use_of},      {NULL, false, NULL}};
    json_t *answer;
    const int code = ask_list(options, "volumes", &answer);

    (void)operands;
    (void)count;
    if (answer != NULL)
        show_table(answer, "volumes", columns);
    json_decref(answer);
    return code;
}
