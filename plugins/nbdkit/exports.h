/* SPDX-License-Identifier: MIT */
/* The images of a server, as NBD's exports. */
#ifndef BH_NBDKIT_EXPORTS_H
#define BH_NBDKIT_EXPORTS_H

#include "settings.h"

struct nbdkit_exports;

/* -1 and nbdkit knows why. */
int exports_list(const struct settings *settings,
                 struct nbdkit_exports *exports);

#endif
