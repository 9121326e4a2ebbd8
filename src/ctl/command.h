/* SPDX-License-Identifier: MIT */
/* The rows of main.c's command table. */
#ifndef BH_CTL_COMMAND_H
#define BH_CTL_COMMAND_H

#include "cli/exit_code.h"

struct link;
struct options;

struct command {
    const char *name;
    const char *operands; /* for the usage line: "NAME SIZE" */
    const char *options;  /* the letters that it takes besides those of all */
    int operands_min;
    int operands_max;
    const char *summary; /* one line of the list of commands */
    const char *help;    /* lines of `COMMAND --help` */
    int (*run)(struct link *link, const struct options *options,
               char *const operands[], int count);
};

/* They return an enum exit_code: EXIT_NEGATIVE if the server has refused. */
#define COMMAND(function)                                                      \
    int function(struct link *link, const struct options *options,             \
                 char *const operands[], int count)
COMMAND(run_status);
COMMAND(run_sessions);
COMMAND(run_disconnect);
COMMAND(run_volumes);
COMMAND(run_reopen);
COMMAND(run_create);
COMMAND(run_checkpoints);
COMMAND(run_checkpoint);
COMMAND(run_remove_checkpoint);
COMMAND(run_rollback);

#endif
