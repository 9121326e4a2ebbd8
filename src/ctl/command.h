/* SPDX-License-Identifier: MIT */
/* What the rows of main.c's command table call. */
#ifndef BH_CTL_COMMAND_H
#define BH_CTL_COMMAND_H

#include "cli/front.h"

/* They return an enum exit_code: EXIT_NEGATIVE if the server has refused. */
#define COMMAND(function)                                                      \
    int function(const struct options *options, char *const operands[],        \
                 int count)
COMMAND(run_status);
COMMAND(run_sessions);
COMMAND(run_disconnect);
COMMAND(run_volumes);
COMMAND(run_reopen);
COMMAND(run_create);
COMMAND(run_slots);
COMMAND(run_insert);
COMMAND(run_eject);
COMMAND(run_checkpoints);
COMMAND(run_checkpoint);
COMMAND(run_remove_checkpoint);
COMMAND(run_rollback);

#endif
