/* SPDX-License-Identifier: MIT */
#include "ctl/options.h"

#include <getopt.h>
#include <string.h>

#include "cli/message.h"
#include "ctl/command.h"

/* What every command takes. */
#define OF_ALL "hjs"

static const struct option_row {
    char letter;
    const char *name;
    const char *value; /* NULL: takes none */
    const char *help;
} rows[] = {
    {'F', "fat", NULL, "with an empty FAT file system"},
    {'j', "json", NULL, "print JSON on standard output"},
    {'n', "no-save", NULL, "without a checkpoint of what is there now"},
    {'s', "socket", "PATH", "the server's control socket"},
    {'h', "help", NULL, "print this and stop"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static bool takes(const struct command *command, char letter)
{
    return strchr(OF_ALL, letter) != NULL ||
           strchr(command->options, letter) != NULL;
}

static void describe(const struct command *command, char *letters,
                     struct option *longs)
{
    *letters++ = ':';
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes(command, rows[i].letter))
            continue;
        *letters++ = rows[i].letter;
        if (rows[i].value != NULL)
            *letters++ = ':';
        *longs++ = (struct option){rows[i].name, rows[i].value != NULL, NULL,
                                   rows[i].letter};
    }
    *letters = '\0';
    *longs = (struct option){0};
}

static bool apply(int letter, struct options *out)
{
    switch (letter) {
    case 'F':
        return out->fat = true;
    case 'h':
        return out->help = true;
    case 'j':
        return out->json = true;
    case 'n':
        return out->no_save = true;
    case 's':
        out->socket = optarg;
        return true;
    default:
        return false;
    }
}

int options_parse(const struct command *command, int argc, char **argv,
                  struct options *out)
{
    char letters[2 * ROW_COUNT + 2];
    struct option longs[ROW_COUNT + 1];
    int letter;

    describe(command, letters, longs);
    *out = (struct options){0};
    optind = 1;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (apply(letter, out))
            continue;
        complain("%s %s; try: blockhead-ctl %s --help", argv[optind - 1],
                 letter == ':' ? "needs a value"
                               : "is no option of this command",
                 command->name);
        return -1;
    }
    return optind;
}

void options_help(const struct command *command, FILE *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (takes(command, rows[i].letter))
            fprintf(out, "  -%c, --%s%s%-*s %s\n", rows[i].letter, rows[i].name,
                    rows[i].value == NULL ? "" : " ",
                    18 - (int)strlen(rows[i].name) - (rows[i].value != NULL),
                    rows[i].value == NULL ? "" : rows[i].value, rows[i].help);
}
