/* SPDX-License-Identifier: MIT */
/* blockhead mount: a volume as a file. A row of the command's table calls it.
 */
#ifndef BH_MOUNT_MOUNT_H
#define BH_MOUNT_MOUNT_H

struct options;

/* Returns an enum exit_code, as all commands do; when the mount is over, or as
 * soon as it works and a process in the background goes on. */
int run_mount(const struct options *options, char *const operands[], int count);

#endif
