/* SPDX-License-Identifier: MIT */
/*
 * blockhead-ctl, the administrator's command: its table of commands and the way
 * in and out. A new command is a row here, a line in command.h, its handler,
 * its section in blockhead-ctl(1).
 */
#include <stdio.h>
#include <string.h>

#include "cli/front.h"
#include "cli/message.h"
#include "ctl/command.h"
#include "ctl/link.h"
#include "ctl/options.h"

static const struct command commands[] = {
    {"status", "", "", 0, 0, "how the server is", "Tells how the server is.\n",
     run_status},
    {"sessions", "", "", 0, 0, "who has what",
     "Lists the sessions: the id, the client, the volume, what the client may\n"
     "do there, how long it has said nothing, and its requests under way.\n",
     run_sessions},
    {"disconnect", "ID", "", 1, 1, "end a session",
     "What the session has under way is finished; its client then gets error\n"
     "4 and may connect again.\n",
     run_disconnect},
    {"volumes", "", "", 0, 0, "what is served, and to how many",
     "Lists the volumes with their sessions. One that has failed answers\n"
     "error 12 until it is reopened.\n",
     run_volumes},
    {"reopen", "[VOLUME]", "", 0, 1, "open a failed volume anew",
     "To be done when the disk has been looked at. Without VOLUME, all that\n"
     "have failed. Their sessions end.\n",
     run_reopen},
    {"create", "NAME SIZE", "F", 2, 2, "make a new image",
     "In the first directory that is served. NAME may be a path whose\n"
     "directories exist; no file is replaced. SIZE is in bytes, or with K, M\n"
     "or G. The image is empty, and takes no room on the disk before it is\n"
     "written to. --fat needs mkfs.fat.\n",
     run_create},
    {"checkpoints", "VOLUME", "", 1, 1, "list a volume's checkpoints",
     "Lists the states that the volume can be rolled back to.\n",
     run_checkpoints},
    {"checkpoint", "VOLUME [LABEL]", "", 1, 2, "make a checkpoint",
     "Clients may read meanwhile, and their writes wait.\n", run_checkpoint},
    {"remove-checkpoint", "VOLUME CHECKPOINT", "", 2, 2, "remove a checkpoint",
     "CHECKPOINT is a number or a label.\n", run_remove_checkpoint},
    {"rollback", "VOLUME CHECKPOINT", "n", 2, 2, "go back to a checkpoint",
     "CHECKPOINT is a number or a label. The sessions on the image end, under\n"
     "all of its names. What is there now becomes a checkpoint before, unless\n"
     "--no-save is given.\n",
     run_rollback},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("usage: blockhead-ctl COMMAND [OPTION]... [OPERAND]...\n"
          "       blockhead-ctl --help | --version\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-17s %-17s %s\n", commands[i].name,
                commands[i].operands, commands[i].summary);
    fputs("\nThe server is that of this user and machine, or the one whose "
          "control socket\n--socket names. `blockhead-ctl COMMAND --help` and "
          "blockhead-ctl(1) say more.\n",
          out);
}

static int print_help(const struct command *command)
{
    printf("usage: blockhead-ctl %s [OPTION]... %s\n\n%s\n", command->name,
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
    struct link link;
    int first, count;
    int code;

    if (command == NULL)
        return FRONT_UNKNOWN;
    first = options_parse(command, argc, argv, &options);
    count = argc - first;
    if (first < 0)
        return EXIT_USAGE;
    if (options.help)
        return print_help(command);
    if (count < command->operands_min || count > command->operands_max) {
        complain("usage: blockhead-ctl %s [OPTION]... %s", command->name,
                 command->operands);
        return EXIT_USAGE;
    }
    link_init(&link, options.socket);
    code = command->run(&link, &options, argv + first, count);
    link_close(&link);
    return code;
}

int main(int argc, char **argv)
{
    return front_run(argc, argv, print_usage, run);
}
