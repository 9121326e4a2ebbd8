/* SPDX-License-Identifier: MIT */
/*
 * blockhead, the command: its table of commands and the way in and out. A new
 * command is a row here, a line in command.h, its file, its section in
 * blockhead(1).
 */
#include <limits.h>

#include "cli/command.h"
#include "cli/front.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/options.h"
#include "mount/mount.h"

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
     "A copy of the volume as it is now. The newest ten are kept. How one is\n"
     "brought back is the administrator's: blockhead-ctl(1). It waits ten\n"
     "minutes at most.\n",
     run_checkpoint},
    {"eject", "URL", "qst", 1, 1, "take the medium out of a slot",
     "All that was written to it is on the server's disk then. Whoever else\n"
     "uses the slot meets an empty one. How a medium is put in is the\n"
     "administrator's: blockhead-ctl(1).\n",
     run_eject},
    {"lock", "URL [-- COMMAND]", "qst", 1, INT_MAX,
     "keep the medium in its slot",
     "While COMMAND runs, whose exit status it returns, or without one until\n"
     "it is interrupted. Others cannot eject the medium meanwhile. The volume\n"
     "is held as by a reader: others may read it, and unless it is a shared\n"
     "one nobody may write it.\n",
     run_lock},
    {"mount", "URL DIR", "floOst", 2, 2, "show a volume as a file",
     "DIR/image is the volume, DIR/p1 and so on are its MBR partitions. It\n"
     "returns when they are there, and goes on in the background until\n"
     "fusermount3 -u DIR, or SIGTERM.\n",
     run_mount},
    {"bench", "URL", "djnqRsStwW", 1, 1, "measure how fast a volume answers",
     "Reads for five seconds, at random, without a lock. --writes puts back\n"
     "what is there, and changes nothing but the time of the last change;\n"
     "holes in the first 16 MiB of the image are filled.\n",
     run_bench},
};

/* Standard output is to be JSON alone. */
static int run(const struct command *command, struct options *options,
               char *const operands[], int count)
{
    if (options->json && !json_available()) {
        complain("cannot print JSON: this blockhead was built without "
                 "jansson; leave --json out");
        return EXIT_TROUBLE;
    }
    return command->run(options, operands, count);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    const struct program program = {
        .name = "blockhead",
        .notes = "HOST is NAME or NAME:PORT, URL is blockhead://HOST/IMAGE or "
                 "just HOST/IMAGE; or blockhead+unix:///IMAGE?socket=PATH, "
                 "blockhead+serial:///dev/TTY:BAUD/IMAGE, "
                 "blockhead+tcp://HOST/IMAGE.",
        .commands = commands,
        .command_count = sizeof(commands) / sizeof(commands[0]),
        .rows = option_rows,
        .row_count = option_count,
        .typed = "Or",
        .options = &options,
        .apply = options_apply,
        .run = run,
    };

    return front_run(&program, argc, argv);
}
