/* SPDX-License-Identifier: MIT */
/* Who has a file locked against us: for the sentence that an administrator
 * reads. Looks through /proc, so it is for the path of the conflict alone. */
#ifndef BH_VOLUME_HOLDER_H
#define BH_VOLUME_HOLDER_H

#include "volume/medium.h"

#include <sys/types.h>

/* Says in `cause` who has the file of the open `fd` locked. `pid` is who is
 * known to have, from F_OFD_GETLK; it is -1 for open file description locks,
 * which belong to no process. Such a holder is found by its open descriptors,
 * and only if /proc shows them: those of another user it does not. */
void bh_holder_say(int fd, pid_t pid, char cause[BH_CAUSE_LEN]);

#endif
