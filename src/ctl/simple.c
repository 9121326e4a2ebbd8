/* SPDX-License-Identifier: MIT */
/* Commands that ask once, and have a sentence to say when it is done. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/message.h"
#include "cli/number.h"
#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/options.h"
#include "ctl/show.h"

COMMAND(run_disconnect)
{
    uint64_t id;
    json_t *answer;
    int code;

    (void)count;
    if (!number_parse(operands[0], 1, UINT16_MAX, &id)) {
        complain("\"%s\" is no session: `blockhead-ctl sessions` lists their "
                 "ids",
                 operands[0]);
        return EXIT_USAGE;
    }
    code = ask(options,
               json_pack("{s:s,s:I}", "do", "disconnect", "id", (json_int_t)id),
               &answer);
    if (answer != NULL && !show_flag(answer, "ended"))
        note("Session %" PRIu64 " ends with its last request.", id);
    json_decref(answer);
    return code;
}

COMMAND(run_reopen)
{
    json_t *request = json_pack("{s:s,s:s*}", "do", "reopen", "volume",
                                count > 0 ? operands[0] : NULL);
    json_t *answer;
    const int code = ask(options, request, &answer);

    if (answer != NULL && show_number(answer, "reopened") == 0)
        note("Nothing had failed.");
    json_decref(answer);
    return code;
}

COMMAND(run_insert)
{
    (void)count;
    return ask_order(options,
                     json_pack("{s:s,s:s,s:s,s:b}", "do", "insert", "slot",
                               operands[0], "image", operands[1], "force",
                               (int)options->force));
}

COMMAND(run_eject)
{
    (void)count;
    return ask_order(options,
                     json_pack("{s:s,s:s,s:b}", "do", "eject", "slot",
                               operands[0], "force", (int)options->force));
}

COMMAND(run_checkpoint)
{
    json_t *answer;
    const int code =
        ask(options,
            json_pack("{s:s,s:s,s:s*}", "do", "checkpoint", "volume",
                      operands[0], "label", count > 1 ? operands[1] : NULL),
            &answer);

    if (answer != NULL)
        note("Checkpoint %" PRIu64 " is made.",
             show_number(json_object_get(answer, "checkpoint"), "number"));
    json_decref(answer);
    return code;
}

COMMAND(run_remove_checkpoint)
{
    (void)count;
    return ask_order(
        options, json_pack("{s:s,s:s,s:s}", "do", "remove-checkpoint", "volume",
                           operands[0], "checkpoint", operands[1]));
}

COMMAND(run_rollback)
{
    json_t *answer;
    const int code = ask(options,
                         json_pack("{s:s,s:s,s:s,s:b}", "do", "rollback",
                                   "volume", operands[0], "checkpoint",
                                   operands[1], "save", (int)!options->no_save),
                         &answer);

    (void)count;
    if (answer != NULL && json_object_get(answer, "saved") != NULL)
        note("What was there before is checkpoint %" PRIu64 ".",
             show_number(answer, "saved"));
    json_decref(answer);
    return code;
}
