/* SPDX-License-Identifier: MIT */
/* What the rows of main.c's command table call. */
#ifndef BH_CLI_COMMAND_H
#define BH_CLI_COMMAND_H

#include "cli/front.h"

/* Each in the file of its name. They return an enum exit_code. */
int run_bench(const struct options *options, char *const operands[], int count);
int run_checkpoint(const struct options *options, char *const operands[],
                   int count);
int run_checksum(const struct options *options, char *const operands[],
                 int count);
int run_cmp(const struct options *options, char *const operands[], int count);
int run_eject(const struct options *options, char *const operands[], int count);
int run_find(const struct options *options, char *const operands[], int count);
int run_get(const struct options *options, char *const operands[], int count);
int run_info(const struct options *options, char *const operands[], int count);
int run_lock(const struct options *options, char *const operands[], int count);
int run_ls(const struct options *options, char *const operands[], int count);
int run_ping(const struct options *options, char *const operands[], int count);
int run_put(const struct options *options, char *const operands[], int count);
int run_read(const struct options *options, char *const operands[], int count);
int run_sync(const struct options *options, char *const operands[], int count);
int run_time(const struct options *options, char *const operands[], int count);
int run_trim(const struct options *options, char *const operands[], int count);
int run_write(const struct options *options, char *const operands[], int count);

#endif
