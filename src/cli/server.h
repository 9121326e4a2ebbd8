/* SPDX-License-Identifier: MIT */
/* A server, asked without a volume. */
#ifndef BH_CLI_SERVER_H
#define BH_CLI_SERVER_H

#include <stdbool.h>

struct bh_info;
struct options;
struct target;

/* What it says of itself. False after a complaint. */
bool server_ask(const struct target *target, const struct options *options,
                struct bh_info *out);

#endif
