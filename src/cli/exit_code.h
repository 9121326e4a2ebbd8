/* SPDX-License-Identifier: MIT */
/* What every command returns, of blockhead and of blockhead-ctl. */
#ifndef BH_CLI_EXIT_CODE_H
#define BH_CLI_EXIT_CODE_H

enum exit_code {
    EXIT_FINE = 0,
    EXIT_NEGATIVE = 1, /* the answer is no: they differ, nobody answered */
    EXIT_TROUBLE = 2,  /* no answer could be had; a sentence says why */
    EXIT_USAGE = 64,   /* as EX_USAGE: the command line makes no sense */
    EXIT_SIGNAL = 128  /* plus the signal's number: interrupted */
};

#endif
