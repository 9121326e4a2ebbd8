/* SPDX-License-Identifier: MIT */
#include "cli/status_line.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/clock.h"

#define DRAW_EVERY_NS (NS_PER_SECOND / 10)
#define COLUMNS_MIN 20
#define COLUMNS_MAX 200

void status_line_begin(struct status_line *line, uint64_t now_ns, bool quiet)
{
    *line = (struct status_line){.drawn_ns = now_ns,
                                 .enabled = !quiet && isatty(STDERR_FILENO)};
}

/* Then the terminal's last line is somebody else's. A terminal that does not
 * control this process says -1. */
static bool in_background(void)
{
    const pid_t foreground = tcgetpgrp(STDERR_FILENO);

    return foreground != -1 && foreground != getpgrp();
}

bool status_line_due(struct status_line *line, uint64_t now_ns)
{
    if (!line->enabled || now_ns - line->drawn_ns < DRAW_EVERY_NS)
        return false;
    line->drawn_ns = now_ns;
    return !in_background();
}

size_t status_line_columns(void)
{
    struct winsize size;
    size_t columns = 80;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        columns = size.ws_col;
    if (columns < COLUMNS_MIN)
        columns = COLUMNS_MIN;
    return (columns > COLUMNS_MAX ? COLUMNS_MAX : columns) - 1;
}

void status_line_draw(struct status_line *line, const char *text)
{
    fprintf(stderr, "\r%s\033[K", text);
    line->shown = true;
}

void status_line_clear(struct status_line *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
    line->shown = false;
}
