/* SPDX-License-Identifier: MIT */
/* blockhead mount, where libfuse3 was not there to build with. */
#include "cli/exit_code.h"
#include "cli/message.h"
#include "mount/mount.h"

int run_mount(const struct options *options, char *const operands[], int count)
{
    (void)options;
    (void)count;
    complain("cannot mount %s: this blockhead was built without libfuse3; "
             "copy the volume with get, or serve it to NBD clients with "
             "nbdkit-blockhead-plugin",
             operands[0]);
    return EXIT_TROUBLE;
}
