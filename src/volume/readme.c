/* SPDX-License-Identifier: MIT */
#include "volume/readme.h"

#include "volume/memory.h"

#define LINES_MAX 96u

static const char *const use[] = {
    "",
    "HOW TO USE A DISK:",
    "SEND CONNECT WITH ITS NAME.",
    "THE ANSWER HAS A SESSION",
    "NUMBER. THEN SEND ONE DATAGRAM",
    "FOR EACH SECTOR THAT YOU READ",
    "OR WRITE, AND WAIT FOR ITS",
    "ANSWER. NONE CAME IN A SECOND?",
    "SEND IT AGAIN. SEND DISCON AT",
    "THE END.",
    "",
    "THE BYTES:",
    "CONNECT 0 SEQ SIZE NAME 0",
    " ANSWER 2 SEQ ERROR SES SES",
    "READ    1 SEQ SES SES 0",
    "          LSN LSN LSN LSN 0",
    " ANSWER 2 SEQ ERROR 0 DATA",
    "WRITE   1 SEQ SES SES 1",
    "          LSN LSN LSN LSN 0",
    "          DATA",
    " ANSWER 2 SEQ ERROR 0",
    "DISCON  3 SEQ SES SES",
    " ANSWER 2 SEQ ERROR",
    "KEEP    4",
    " ANSWER 4: IT IS THERE",
    "",
    "SIZE 0: SECTORS OF 128 BYTES",
    "     1: 256",
    "     2: 512",
    "SEQ: COUNT YOUR DATAGRAMS",
    "SES, LSN: HIGH BYTE FIRST",
    "LSN: SECTORS COUNT FROM 0",
    "",
    "ERROR 0: ALL IS WELL",
    "      1: SERVER IS FULL",
    "      2: NO DISK OF THAT NAME",
    "      3: THAT MAKES NO SENSE",
    "      4: CONNECT AGAIN",
    "      5: NO SUCH SECTOR",
    "      8: READ ONLY",
    "      9: SOMEBODY HAS IT",
    "     12: ITS STORAGE FAILS",
    "",
    "MORE TO READ, LIKE A DISK:",
    ":LIST    THE DISKS, 64 BYTES",
    "         FOR EACH",
    ":TIME    THE TIME, 64 BYTES,",
    "         NEW WITH EACH READ",
    ":README  THIS, 32 BYTES A LINE",
    ":7       THE DISK WITH NUMBER",
    "         7 IN :LIST",
};

int bh_readme_open(bh_about *about, void *context, struct bh_medium **out)
{
    char text[LINES_MAX * BH_LINE_LEN];
    struct bh_lines lines = {.text = text, .room = LINES_MAX};

    bh_lines_add(&lines, "BLOCKHEAD %s", BH_VERSION);
    bh_lines_add(&lines, "A SERVER OF DISKS, OVER UDP");
    if (about != NULL)
        about(context, &lines);
    for (size_t i = 0; i < sizeof use / sizeof *use; i++)
        bh_lines_add(&lines, "%s", use[i]);
    return bh_memory_open(text, lines.count * BH_LINE_LEN, out);
}
