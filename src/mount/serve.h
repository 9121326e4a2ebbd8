/* SPDX-License-Identifier: MIT */
/*
 * Serves a mount until it is over:
 *
 *   SERVING --signal, or the session is lost--> LEAVING --> OVER
 *      `----------- somebody has unmounted it --------------^
 *
 * LEAVING serves on while the directory is taken out of the tree (detach.h).
 * After a signal it is over as soon as that is done: who has files open still
 * is told so by the kernel. After a lost session it is over when the last file
 * is closed, and until then each request fails with the session's error. When
 * it is over what was written is made stable and the session is ended.
 */
#ifndef BH_MOUNT_SERVE_H
#define BH_MOUNT_SERVE_H

#include "cli/interrupt.h"
#include "mount/served.h"

/* The file system is mounted at `directory`. Whether all that was written is
 * stable; else sentences have said why. */
bool serve(struct served *served, const char *directory,
           struct interrupt *interrupt);

#endif
