/* SPDX-License-Identifier: MIT */
/* The options that commands take. */
#ifndef BH_CTL_OPTIONS_H
#define BH_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/front.h"

struct link;

struct options {
    struct link *link;  /* to the server; borrowed */
    const char *socket; /* NULL: not said */
    bool json;
    bool fat;
    bool force;
    bool no_save;
};

/* All of them. */
extern const struct option_row option_rows[];
extern const size_t option_count;

/* Notes one. False after a complaint. */
bool options_apply(const struct option_row *row, const char *value,
                   struct options *out);

#endif
