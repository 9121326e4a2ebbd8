/* SPDX-License-Identifier: MIT */
#include "cli/front_options.h"

#include <getopt.h>
#include <string.h>

#include "cli/message.h"

#define ROWS_MAX 32

/* Behind all letters: has a long name alone. */
#define VERSION 256

static const struct option_row help = {'h', "help", NULL,
                                       "print this and stop"};

/* Without a command: what any of them takes. */
static bool takes(const struct command *command, const struct option_row *row)
{
    return command == NULL || row == &help ||
           strchr(command->options, row->letter) != NULL;
}

/* What getopt_long() wants to know. */
struct forms {
    char letters[2 * ROWS_MAX + 4];
    struct option longs[ROWS_MAX + 3];
};

static char typed(const struct program *program, const struct option_row *row)
{
    const char *at = program->typed;

    for (; at != NULL && *at != '\0'; at += 2)
        if (at[0] == row->letter)
            return at[1];
    return row->letter;
}

static void describe_row(const struct program *program,
                         const struct option_row *row, char **letters,
                         struct option **longs)
{
    const int value = row->value != NULL ? required_argument : no_argument;

    *(*letters)++ = typed(program, row);
    if (row->value != NULL)
        *(*letters)++ = ':';
    *(*longs)++ = (struct option){
        .name = row->name, .has_arg = value, .val = typed(program, row)};
}

/* Without a command it ends at the first operand, which names one. */
static void describe(const struct program *program,
                     const struct command *command, struct forms *out)
{
    char *letters = out->letters;
    struct option *longs = out->longs;

    if (command == NULL)
        *letters++ = '+';
    *letters++ = ':'; /* report a missing value as ':' */
    for (size_t i = 0; i < program->row_count && i < ROWS_MAX; i++)
        if (takes(command, &program->rows[i]))
            describe_row(program, &program->rows[i], &letters, &longs);
    describe_row(program, &help, &letters, &longs);
    if (command == NULL)
        *longs++ = (struct option){.name = "version", .val = VERSION};
    *letters = '\0';
    *longs = (struct option){0};
    optind = 0; /* glibc starts anew, and looks for '+' again */
    opterr = 0;
}

/* The command's own, or else any. */
static const struct option_row *
row_of(const struct program *program, const struct command *command, int letter)
{
    const struct option_row *found = letter == help.letter ? &help : NULL;

    for (size_t i = 0; i < program->row_count; i++)
        if (typed(program, &program->rows[i]) == letter &&
            (found == NULL || takes(command, &program->rows[i])))
            found = &program->rows[i];
    return found;
}

/* getopt_long() says what is wrong in `letter` and, for a short option and for
 * a long one that it knows, in optopt. */
static int complain_option(const struct program *program,
                           const struct command *command, int letter,
                           const char *word)
{
    const struct option_row *row =
        optopt == 0 ? NULL : row_of(program, command, optopt);
    const char *space = command == NULL ? "" : " ";
    const char *name = command == NULL ? "" : command->name;
    char text[3] = {'-', (char)optopt, '\0'};

    if (letter == ':')
        complain("%s needs a value; try: %s%s%s --help", word, program->name,
                 space, name);
    else if (row != NULL && takes(command, row))
        complain("--%s takes no value; try: %s%s%s --help", row->name,
                 program->name, space, name);
    else
        complain("%s is no option of %s; try: %s%s%s --help",
                 optopt == 0 ? word : text,
                 command == NULL ? "any command" : "this command",
                 program->name, space, name);
    return FRONT_BAD;
}

int front_find_command(const struct program *program, int argc, char **argv)
{
    struct forms forms = {0};
    int letter;

    describe(program, NULL, &forms);
    while ((letter = getopt_long(argc, argv, forms.letters, forms.longs,
                                 NULL)) != -1) {
        if (letter == help.letter)
            return FRONT_HELP;
        if (letter == VERSION)
            return FRONT_VERSION;
        if (letter == ':' || letter == '?')
            return complain_option(program, NULL, letter, argv[optind - 1]);
    }
    return optind;
}

int front_parse(const struct program *program, const struct command *command,
                int argc, char **argv)
{
    bool wants_help = false;
    struct forms forms = {0};
    int letter;

    describe(program, command, &forms);
    while ((letter = getopt_long(argc, argv, forms.letters, forms.longs,
                                 NULL)) != -1) {
        const struct option_row *row = row_of(program, command, letter);

        if (row == NULL)
            return complain_option(program, command, letter, argv[optind - 1]);
        if (row == &help)
            wants_help = true;
        else if (!program->apply(row, optarg, program->options))
            return FRONT_BAD;
    }
    return wants_help ? FRONT_HELP : optind;
}

static void print_row(const struct program *program,
                      const struct option_row *row, FILE *out)
{
    const bool has_value = row->value != NULL;

    fprintf(out, "  -%c, --%s%s%-*s %s\n", typed(program, row), row->name,
            has_value ? " " : "", 18 - (int)strlen(row->name) - has_value,
            has_value ? row->value : "", row->help);
}

void front_print_options(const struct program *program,
                         const struct command *command, FILE *out)
{
    for (size_t i = 0; i < program->row_count; i++)
        if (takes(command, &program->rows[i]))
            print_row(program, &program->rows[i], out);
    print_row(program, &help, out);
}
