/* SPDX-License-Identifier: MIT */
/* blockhead-ctl status: how the server is. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/size.h"
#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/show.h"

static void print_text(const json_t *answer, const char *title, const char *key)
{
    char text[CELL_LEN];

    show_text(answer, key, text);
    if (text[0] != '\0')
        printf("%-10s %s\n", title, text);
}

static void print_listeners(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "listen");

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_pack("{s:O}", "at", json_array_get(list, i));

        print_text(one, i == 0 ? "listens" : "", "at");
        json_decref(one);
    }
}

static void print_counters(const json_t *counters)
{
    static const char *const keys[] = {"received", "replied", "reads",
                                       "writes",   "syncs",   NULL};

    printf("%-10s", "traffic");
    for (size_t i = 0; keys[i] != NULL; i++)
        printf("%s %" PRIu64 " %s", i == 0 ? "" : ",",
               show_number(counters, keys[i]), keys[i]);
    putchar('\n');
}

static void print_people(const json_t *answer)
{
    char text[SIZE_TEXT_LEN];

    print_text(answer, "version", "version");
    print_listeners(answer);
    print_text(answer, "instance", "instance");
    printf("%-10s %" PRIu64 ", for %s\n", "process", show_number(answer, "pid"),
           clock_format(text, show_number(answer, "uptime_s")));
    print_text(answer, "state", "state");
    printf("%-10s %" PRIu64 " of %" PRIu64 "\n", "sessions",
           show_number(answer, "sessions"),
           show_number(answer, "sessions_max"));
    print_counters(json_object_get(answer, "counters"));
    if (show_flag(answer, "failed"))
        puts("An image has failed: `blockhead-ctl volumes` shows which.");
    if (show_flag(answer, "stopping"))
        puts("It is ending.");
}

COMMAND(run_status)
{
    json_t *answer;
    const int code = ask(options, json_pack("{s:s}", "do", "status"), &answer);

    (void)operands;
    (void)count;
    if (answer != NULL)
        print_people(answer);
    json_decref(answer);
    return code;
}
