/* SPDX-License-Identifier: MIT */
/* One client of a torture, of a kind with strict sessions. */
#include "machine.h"
#include "posix.h"
#include "window.h"

#include <string.h>

int main(int argc, char **argv)
{
    static struct load load;

    load_init(&load, argc, argv);
    if (strcmp(load.kind, "strict") == 0)
        serial_run(&load, &machine_kinds[0]);
    else if (strcmp(load.kind, "posix") == 0)
        serial_run(&load, &posix_kind);
    else if (strcmp(load.kind, "window") == 0)
        window_run(&load);
    else
        return 64;
    return load.told->violations != 0;
}
