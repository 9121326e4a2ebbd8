/* SPDX-License-Identifier: MIT */
#include "ctl/options.h"

/* A new option: its row here, its member of struct options, its case below, its
 * letter in the commands that take it, its item in the man page. */
const struct option_row option_rows[] = {
    {'f', "force", NULL, "though a client has locked it, or it has failed"},
    {'F', "fat", NULL, "with an empty FAT file system"},
    {'j', "json", NULL, "print JSON on standard output"},
    {'n', "no-save", NULL, "without a checkpoint of what is there now"},
    {'s', "socket", "PATH", "the server's control socket"},
};
const size_t option_count = sizeof(option_rows) / sizeof(option_rows[0]);

bool options_apply(const struct option_row *row, const char *value,
                   struct options *out)
{
    switch (row->letter) {
    case 'f':
        return out->force = true;
    case 'F':
        return out->fat = true;
    case 'j':
        return out->json = true;
    case 'n':
        return out->no_save = true;
    default:
        out->socket = value;
        return true;
    }
}
