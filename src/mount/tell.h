/* SPDX-License-Identifier: MIT */
/* Sentences of a mount: on standard error while somebody reads that, in the
 * system's log when it has gone to the background. */
#ifndef BH_MOUNT_TELL_H
#define BH_MOUNT_TELL_H

#include <stdbool.h>

void tell(bool to_log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
