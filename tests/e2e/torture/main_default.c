/* SPDX-License-Identifier: MIT */
/* One client of a torture, of a kind without strict sessions. */
#include "machine.h"

#include <string.h>

int main(int argc, char **argv)
{
    static struct load load;

    load_init(&load, argc, argv);
    for (const struct serial_kind *kind = machine_kinds; kind->name; kind++) {
        if (strcmp(kind->name, load.kind) != 0)
            continue;
        serial_run(&load, kind);
        return load.told->violations != 0;
    }
    return 64;
}
