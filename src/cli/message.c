/* SPDX-License-Identifier: MIT */
#include "cli/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/blockhead.h"

void complain(const char *format, ...)
{
    va_list args;

    fflush(stdout); /* so that a terminal shows both in the right order */
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void complain_disk(const struct bh_disk *disk, int error)
{
    const char *sentence = bh_disk_error(disk);

    complain("%s", sentence[0] != '\0' ? sentence : strerror(-error));
}
