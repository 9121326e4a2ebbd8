/* SPDX-License-Identifier: MIT */
/*
 * blockhead-ctl, the administrator's command: its table of commands and the way
 * in and out. A new command is a row here, a line in command.h, its handler,
 * its section in blockhead-ctl(1).
 */
#include "ctl/command.h"
#include "ctl/link.h"
#include "ctl/options.h"

static const struct command commands[] = {
    {"status", "", "js", 0, 0, "how the server is",
     "Tells how the server is.\n", run_status},
    {"sessions", "", "js", 0, 0, "who has what",
     "Lists the sessions: the id, the client, the volume, what the client may\n"
     "do there, how long it has said nothing, and its requests under way.\n",
     run_sessions},
    {"disconnect", "ID", "js", 1, 1, "end a session",
     "What the session has under way is finished; its client then gets error\n"
     "4 and may connect again.\n",
     run_disconnect},
    {"volumes", "", "js", 0, 0, "what is served, and to how many",
     "Lists the volumes with their sessions. One that has failed answers\n"
     "error 12 until it is reopened.\n",
     run_volumes},
    {"reopen", "[VOLUME]", "js", 0, 1, "open a failed volume anew",
     "To be done when the disk has been looked at. Without VOLUME, all that\n"
     "have failed. Their sessions end.\n",
     run_reopen},
    {"create", "NAME SIZE", "Fjs", 2, 2, "make a new image",
     "In the first directory that is served. NAME may be a path whose\n"
     "directories exist; no file is replaced. SIZE is in bytes, or with K, M\n"
     "or G. The image is empty, and takes no room on the disk before it is\n"
     "written to. --fat needs mkfs.fat.\n",
     run_create},
    {"slots", "", "js", 0, 0, "what is in which slot",
     "Lists the slots, what is in each, and whether a client has locked it.\n",
     run_slots},
    {"insert", "SLOT IMAGE", "fjs", 2, 2, "change the medium in a slot",
     "IMAGE is a name that is served. What clients have begun is done before.\n"
     "Strict sessions get error 11 until they have identified the new medium;\n"
     "others end, unless the slot is silent.\n",
     run_insert},
    {"eject", "SLOT", "fjs", 1, 1, "empty a slot",
     "Clients get error 10 until a medium is inserted.\n", run_eject},
    {"checkpoints", "VOLUME", "js", 1, 1, "list a volume's checkpoints",
     "Lists the states that the volume can be rolled back to.\n",
     run_checkpoints},
    {"checkpoint", "VOLUME [LABEL]", "js", 1, 2, "make a checkpoint",
     "Clients may read meanwhile, and their writes wait.\n", run_checkpoint},
    {"remove-checkpoint", "VOLUME CHECKPOINT", "js", 2, 2,
     "remove a checkpoint", "CHECKPOINT is a number or a label.\n",
     run_remove_checkpoint},
    {"rollback", "VOLUME CHECKPOINT", "jns", 2, 2, "go back to a checkpoint",
     "CHECKPOINT is a number or a label. The sessions on the image end, under\n"
     "all of its names. What is there now becomes a checkpoint before, unless\n"
     "--no-save is given.\n",
     run_rollback},
};

static int run(const struct command *command, struct options *options,
               char *const operands[], int count)
{
    int code;

    link_init(options->link, options->socket);
    code = command->run(options, operands, count);
    link_close(options->link);
    return code;
}

int main(int argc, char **argv)
{
    struct link link;
    struct options options = {.link = &link};
    const struct program program = {
        .name = "blockhead-ctl",
        .notes = "The server is that of this user and machine, or the one "
                 "whose control socket\n--socket names.",
        .commands = commands,
        .command_count = sizeof(commands) / sizeof(commands[0]),
        .rows = option_rows,
        .row_count = option_count,
        .options = &options,
        .apply = options_apply,
        .run = run,
    };

    return front_run(&program, argc, argv);
}
