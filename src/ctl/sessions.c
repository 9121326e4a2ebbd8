/* SPDX-License-Identifier: MIT */
/* blockhead-ctl sessions: who has what. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/size.h"
#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void id_of(const json_t *session, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64, show_number(session, "id"));
}

static void peer_of(const json_t *session, char text[CELL_LEN])
{
    show_text(session, "peer", text);
}

static void volume_of(const json_t *session, char text[CELL_LEN])
{
    show_text(session, "volume", text);
}

static void access_of(const json_t *session, char text[CELL_LEN])
{
    if (show_flag(session, "scratch"))
        snprintf(text, CELL_LEN, "scratch");
    else
        show_text(session, "access", text);
}

static void kind_of(const json_t *session, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%s",
             show_flag(session, "strict") ? "strict" : "default");
}

static void idle_of(const json_t *session, char text[CELL_LEN])
{
    clock_format(text, show_number(session, "idle_ms") / 1000);
}

static void requests_of(const json_t *session, char text[CELL_LEN])
{
    snprintf(text, CELL_LEN, "%" PRIu64 "%s", show_number(session, "under_way"),
             show_flag(session, "ending") ? ", ending" : "");
}

COMMAND(run_sessions)
{
    static const struct column columns[] = {{"ID", true, id_of},
                                            {"PEER", false, peer_of},
                                            {"VOLUME", false, volume_of},
                                            {"ACCESS", false, access_of},
                                            {"KIND", false, kind_of},
                                            {"IDLE", true, idle_of},
                                            {"UNDER WAY", false, requests_of},
                                            {NULL, false, NULL}};
    json_t *answer;
    const int code = ask_list(options, "sessions", &answer);

    (void)operands;
    (void)count;
    if (answer != NULL)
        show_table(answer, "sessions", columns);
    json_decref(answer);
    return code;
}
