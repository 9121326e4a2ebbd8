/* SPDX-License-Identifier: MIT */
#include "cli/front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/front_options.h"
#include "cli/message.h"

static int close_stdout(int code)
{
    const int failed = ferror(stdout);

    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    if (errno != EPIPE)
        complain("cannot write standard output: %s",
                 errno != 0 ? strerror(errno) : "it is not complete");
    return EXIT_TROUBLE;
}

static int longer(int width, const char *text)
{
    const int len = (int)strlen(text);

    return len > width ? len : width;
}

static void print_usage(const struct program *program, FILE *out)
{
    int names = 0, operands = 0;

    fprintf(out,
            "usage: %s COMMAND [OPTION]... [OPERAND]...\n"
            "       %s --help | --version\n\n",
            program->name, program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        names = longer(names, program->commands[i].name);
        operands = longer(operands, program->commands[i].operands);
    }
    for (size_t i = 0; i < program->command_count; i++)
        fprintf(out, "  %-*s  %-*s  %s\n", names, program->commands[i].name,
                operands, program->commands[i].operands,
                program->commands[i].summary);
    fprintf(out,
            "\n%s\nOptions may also stand before the command.\n"
            "`%s COMMAND --help` and %s(1) say more.\n",
            program->notes, program->name, program->name);
}

static int print_help(const struct program *program,
                      const struct command *command)
{
    printf("usage: %s %s [OPTION]... %s\n\n%s\n", program->name, command->name,
           command->operands, command->help);
    front_print_options(program, command, stdout);
    return EXIT_FINE;
}

static const struct command *find_command(const struct program *program,
                                          const char *name)
{
    for (size_t i = 0; i < program->command_count; i++)
        if (strcmp(program->commands[i].name, name) == 0)
            return &program->commands[i];
    return NULL;
}

/* argv[0] is the command's name. */
static int obey(const struct program *program, int argc, char **argv)
{
    const struct command *command = find_command(program, argv[0]);
    int first, count;

    if (command == NULL) {
        complain("\"%s\" is no command; `%s --help` lists them", argv[0],
                 program->name);
        return EXIT_USAGE;
    }
    first = front_parse(program, command, argc, argv);
    count = argc - first;
    if (first == FRONT_HELP)
        return print_help(program, command);
    if (first < 0)
        return EXIT_USAGE;
    if (count < command->operands_min || count > command->operands_max) {
        complain("usage: %s %s [OPTION]... %s", program->name, command->name,
                 command->operands);
        return EXIT_USAGE;
    }
    return program->run(command, program->options, argv + first, count);
}

/* What stands before the command comes behind it. */
static void bring_forward(char **argv, int at)
{
    char *name = argv[at];

    for (; at > 1; at--)
        argv[at] = argv[at - 1];
    argv[1] = name;
}

static int begin(const struct program *program, int argc, char **argv)
{
    const int at = front_find_command(program, argc, argv);

    if (at == FRONT_HELP) {
        print_usage(program, stdout);
        return EXIT_FINE;
    }
    if (at == FRONT_VERSION) {
        printf("%s %s\n", program->name, BH_VERSION);
        return EXIT_FINE;
    }
    if (at < 0)
        return EXIT_USAGE;
    if (at >= argc) {
        print_usage(program, stderr);
        return EXIT_USAGE;
    }
    bring_forward(argv, at);
    return obey(program, argc - 1, argv + 1);
}

int front_run(const struct program *program, int argc, char **argv)
{
    return close_stdout(begin(program, argc, argv));
}
