/* SPDX-License-Identifier: MIT */
#include "mount/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "cli/message.h"

#define SENTENCE_LEN 1024

void tell(bool to_log, const char *format, ...)
{
    char sentence[SENTENCE_LEN];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (to_log)
        syslog(LOG_DAEMON | LOG_ERR, "%s", sentence);
    else
        complain("%s", sentence);
}
