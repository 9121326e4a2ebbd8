/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <getopt.h>
#include <string.h>

#include "cli/command.h"
#include "cli/message.h"
#include "cli/number.h"

/* A new option: its row here, its field in struct options, its case in
 * apply(), its letter in the commands that take it, its item in the man page.
 */
static const struct option_row {
    char letter;
    const char *name;
    const char *value; /* NULL: takes none */
    const char *help;
} rows[] = {
    {'c', "count", "N", "stop after N; 0: go on until interrupted"},
    {'d', "seconds", "SECONDS", "how long to go on"},
    {'j', "json", NULL, "print JSON on standard output"},
    {'l', "look", NULL, "read without a lock, also while a machine writes"},
    {'n', "run", "N", "sectors of one request: 1 to 64"},
    {'P', "pad", NULL, "fill the last sector up with zeros"},
    {'p', "port", "PORT", "UDP port to ask (4444)"},
    {'q', "quiet", NULL, "no progress, no summary; errors only"},
    {'R', "random", NULL, "sectors at random, as without this option"},
    {'S', "sequential", NULL, "one sector after the other"},
    {'r', "raw", NULL, "plain bytes, also to a terminal"},
    {'s', "sector", "N", "sector length: 128 to 16384, a power of two"},
    {'t', "timeout", "SECONDS", "how long to wait for an answer"},
    {'V', "verify", NULL, "compare the data, not checksums of it"},
    {'w', "writes", NULL, "write what is there already, do not read"},
    {'W', "window", "N", "requests at a time: 1 to 64"},
    {'x', "hex", NULL, "a hex dump, also to a pipe"},
    {'h', "help", NULL, "print this and stop"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static bool takes(const struct command *command, const struct option_row *row)
{
    return row->letter == 'h' || strchr(command->options, row->letter) != NULL;
}

static bool refuse(const struct option_row *row, const char *value)
{
    complain("\"%s\" does not do for --%s: %s", value, row->name,
             row->letter == 't' || row->letter == 'd'
                 ? "seconds, 0.001 to 3600, are wanted"
             : row->letter == 's'
                 ? "128, 256, 512, 1024, 2048, 4096, 8192 or 16384 is wanted"
             : row->letter == 'W' || row->letter == 'n'
                 ? "a number from 1 to 64 is wanted"
             : row->letter == 'p' ? "a number from 1 to 65535 is wanted"
                                  : "a number from 0 to 4294967295 is wanted");
    return false;
}

static bool apply_value(const struct option_row *row, const char *text,
                        struct options *out)
{
    uint64_t number = 0;

    switch (row->letter) {
    case 'c':
        if (!number_parse(text, 0, UINT32_MAX, &number))
            return refuse(row, text);
        out->count = number == 0 ? UINT32_MAX : (uint32_t)number;
        return true;
    case 'p':
        if (!number_parse(text, 1, UINT16_MAX, &number))
            return refuse(row, text);
        out->port = (uint16_t)number;
        return true;
    case 'n':
        if (!number_parse(text, 1, 64, &number))
            return refuse(row, text);
        out->run = (uint32_t)number;
        return true;
    case 'W':
        if (!number_parse(text, 1, 64, &number))
            return refuse(row, text);
        out->window = (uint32_t)number;
        return true;
    case 'd':
        return seconds_parse(text, &out->duration_ms) || refuse(row, text);
    case 's':
        if (!number_parse(text, 128, 16384, &number) ||
            (number & (number - 1)) != 0)
            return refuse(row, text);
        out->sector_len = (uint32_t)number;
        return true;
    default:
        return seconds_parse(text, &out->timeout_ms) || refuse(row, text);
    }
}

static void apply_switch(char letter, struct options *out)
{
    switch (letter) {
    case 'j':
        out->json = true;
        break;
    case 'l':
        out->look = true;
        break;
    case 'P':
        out->pad = true;
        break;
    case 'q':
        out->quiet = true;
        break;
    case 'r':
        out->raw = true;
        break;
    case 'R':
        out->sequential = false;
        break;
    case 'S':
        out->sequential = true;
        break;
    case 'V':
        out->verify = true;
        break;
    case 'w':
        out->writes = true;
        break;
    case 'x':
        out->hex = true;
        break;
    default:
        out->help = true;
        break;
    }
}

static const struct option_row *row_of(int letter)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].letter == letter)
            return &rows[i];
    }
    return NULL;
}

/* What getopt_long() wants to know of the rows that `command` takes. */
static void describe(const struct command *command,
                     char letters[2 * ROW_COUNT + 2],
                     struct option longs[ROW_COUNT + 1])
{
    size_t count = 0;

    *letters++ = ':'; /* report a missing value as ':' */
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes(command, &rows[i]))
            continue;
        *letters++ = rows[i].letter;
        if (rows[i].value != NULL)
            *letters++ = ':';
        longs[count++] = (struct option){
            .name = rows[i].name,
            .has_arg = rows[i].value != NULL ? required_argument : no_argument,
            .val = rows[i].letter,
        };
    }
    *letters = '\0';
    longs[count] = (struct option){0};
}

/* getopt_long() says what is wrong in `letter` and, for a short option and for
 * a long one that it knows, in optopt. */
static void complain_option(const struct command *command, int letter,
                            const char *word)
{
    const struct option_row *row = optopt == 0 ? NULL : row_of(optopt);
    char text[3] = {'-', (char)optopt, '\0'};

    if (letter == ':')
        complain("%s needs a value; try: blockhead %s --help", word,
                 command->name);
    else if (row != NULL && takes(command, row))
        complain("--%s takes no value; try: blockhead %s --help", row->name,
                 command->name);
    else
        complain("%s is no option of this command; try: blockhead %s --help",
                 optopt == 0 ? word : text, command->name);
}

int options_parse(const struct command *command, int argc, char **argv,
                  struct options *out)
{
    struct option longs[ROW_COUNT + 1];
    char letters[2 * ROW_COUNT + 2];
    int letter;

    describe(command, letters, longs);
    *out = (struct options){0};
    optind = 1;
    opterr = 0;
    while ((letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const struct option_row *row = row_of(letter);

        if (row == NULL) {
            complain_option(command, letter, argv[optind - 1]);
            return -1;
        }
        if (row->value == NULL)
            apply_switch(row->letter, out);
        else if (!apply_value(row, optarg, out))
            return -1;
    }
    return optind;
}

void options_help(const struct command *command, FILE *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes(command, &rows[i]))
            continue;
        fprintf(out, "  -%c, --%s%s%-*s %s\n", rows[i].letter, rows[i].name,
                rows[i].value == NULL ? "" : " ",
                18 - (int)strlen(rows[i].name) - (rows[i].value != NULL),
                rows[i].value == NULL ? "" : rows[i].value, rows[i].help);
    }
}
