/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/message.h"

int output_close(int code)
{
    const int failed = ferror(stdout);

    errno = 0;
    if (fclose(stdout) == 0 && !failed)
        return code;
    if (errno != EPIPE)
        complain("cannot write standard output: %s",
                 errno != 0 ? strerror(errno) : "it is not complete");
    return EXIT_TROUBLE;
}
