/* SPDX-License-Identifier: MIT */
/*
 * blockhead, the command: its table of commands and the way in and out. A new
 * command is a row here, a line in command.h, its file, its section in
 * blockhead(1).
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/front.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"

static const struct command commands[] = {
    {"ping", "HOST", "cjqt", 1, 1, "see whether a server answers, and how fast",
     "Sends one KEEP a second, four of them unless --count says otherwise.\n"
     "Exit status 1: none was answered.\n",
     run_ping},
    {"find", "", "jpt", 0, 0, "find the servers of this network",
     "Broadcasts a KEEP and lists who answers. A server with several\n"
     "addresses is listed under each; its instance is the same.\n"
     "Exit status 1: nobody answered.\n",
     run_find},
    {"ls", "HOST", "jt", 1, 1, "list a server's images",
     "Lists the images that this machine may open. :N names an image by its\n"
     "number wherever a name is wanted.\n",
     run_ls},
    {"info", "URL", "jst", 1, 1, "tell about a volume, or about a server",
     "Without an image in the URL it tells about the server.\n", run_info},
    {"identify", "URL", "jst", 1, 1, "another name of info",
     "Without an image in the URL it tells about the server.\n", run_info},
    {"time", "URL", "jst", 1, 1, "tell a server's time",
     "Its local time, and how far that is from UTC.\n", run_time},
    {"get", "URL FILE", "jlqst", 2, 2, "copy a volume into a file",
     "FILE gets its name, or is replaced, when all is there. Holes stay\n"
     "holes. \"-\" is standard output.\n",
     run_get},
    {"put", "FILE URL", "jqst", 2, 2, "write a file over a volume",
     "Sectors of zeros are written only where there are none. What the\n"
     "volume has behind the file's length is left alone. \"-\" is standard\n"
     "input.\n",
     run_put},
    {"sync", "FILE URL", "jqstV", 2, 2, "write what differs of a file",
     "As put, but the server's checksums say first where the volume differs,\n"
     "and only that is sent. --verify reads the volume instead.\n",
     run_sync},
    {"cmp", "FILE URL", "jlqst", 2, 2, "compare a file with a volume",
     "Exit status 1: they differ; with --quiet that is all it says. \"-\" is\n"
     "standard input.\n",
     run_cmp},
    {"read", "URL LSN [COUNT]", "lrstx", 2, 3, "show sectors",
     "A hex dump on a terminal, plain bytes elsewhere.\n", run_read},
    {"write", "URL LSN [FILE]", "Pst", 2, 3, "write sectors",
     "From FILE, or from standard input; whole sectors only.\n", run_write},
    {"checksum", "URL [LSN [COUNT]]", "jlst", 1, 3,
     "have the server add sectors up",
     "The CRC-32 of all sectors, of one, or of COUNT. What a last, partial\n"
     "sector lacks counts as zeros.\n",
     run_checksum},
    {"trim", "URL LSN COUNT", "jst", 3, 3, "make sectors empty",
     "They read as zeros from now on, and their space may be given back.\n",
     run_trim},
    {"checkpoint", "URL [LABEL]", "jqst", 1, 2, "keep a copy on the server",
     "A copy of the volume as it is now, which the server's administrator can\n"
     "bring back. The newest ten are kept. It waits ten minutes at most.\n",
     run_checkpoint},
    {"bench", "URL", "djnqRsStwW", 1, 1, "measure how fast a volume answers",
     "Reads for five seconds, at random, without a lock. --writes puts back\n"
     "what is there, and changes nothing but the time of the last change;\n"
     "holes in the first 16 MiB of the image are filled.\n",
     run_bench},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("usage: blockhead COMMAND [OPTION]... [OPERAND]...\n"
          "       blockhead --help | --version\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %-19s %s\n", commands[i].name,
                commands[i].operands, commands[i].summary);
    fputs(
        "\nHOST is NAME or NAME:PORT, URL is blockhead://HOST/IMAGE or just "
        "HOST/IMAGE.\n`blockhead COMMAND --help` and blockhead(1) say more.\n",
        out);
}

static int print_help(const struct command *command)
{
    printf("usage: blockhead %s [OPTION]... %s\n\n%s\n", command->name,
           command->operands, command->help);
    options_help(command, stdout);
    return EXIT_FINE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int run(int argc, char **argv)
{
    const struct command *command = find_command(argv[0]);
    struct options options;
    int first, count;

    if (command == NULL)
        return FRONT_UNKNOWN;
    first = options_parse(command, argc, argv, &options);
    count = argc - first;
    if (first < 0)
        return EXIT_USAGE;
    if (options.help)
        return print_help(command);
    if (count < command->operands_min || count > command->operands_max) {
        complain("usage: blockhead %s [OPTION]... %s", command->name,
                 command->operands);
        return EXIT_USAGE;
    }
    if (options.json && !json_available()) {
        complain("cannot print JSON: this blockhead was built without "
                 "jansson; leave --json out");
        return EXIT_TROUBLE;
    }
    return command->run(&options, argv + first, count);
}

int main(int argc, char **argv)
{
    return front_run(argc, argv, print_usage, run);
}
