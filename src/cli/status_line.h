/* SPDX-License-Identifier: MIT */
/*
 * One line on a terminal that says what goes on. It is drawn at most ten times
 * a second, at the width that the terminal has at that moment, and only while
 * this program is in the foreground. Elsewhere than on a terminal nothing is
 * drawn.
 */
#ifndef BH_CLI_STATUS_LINE_H
#define BH_CLI_STATUS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_line {
    uint64_t drawn_ns; /* when it was last drawn */
    bool enabled;
    bool shown; /* there is a line to clear */
};

/* Draws nothing yet: what is over in a moment needs no line. */
void status_line_begin(struct status_line *line, uint64_t now_ns, bool quiet);

/* Whether it is time to draw; if so the time is noted. */
bool status_line_due(struct status_line *line, uint64_t now_ns);

/* How many columns a text may have. */
size_t status_line_columns(void);

void status_line_draw(struct status_line *line, const char *text);

/* Takes the line off the screen, before something else is printed. */
void status_line_clear(struct status_line *line);

#endif
