/* SPDX-License-Identifier: MIT */
/* sim65: the console is standard error. */
#include <unistd.h>

#include "machine.h"

void machine_print(char c)
{
    write(2, &c, 1);
}

void machine_end(void)
{
}
