/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/size.h"
#include "cli/text.h"

#define SAMPLE_EVERY_NS (NS_PER_SECOND / 4)
#define BAR_COLUMNS_MIN 8
#define BAR_COLUMNS_MAX 40

void progress_begin(struct progress *progress, const char *label,
                    uint64_t total, bool quiet)
{
    const uint64_t now = clock_ns();

    *progress = (struct progress){
        .label = label,
        .total = total,
        .start_ns = now,
        .sampled_ns = now,
    };
    status_line_begin(&progress->status, now, quiet);
}

/* The rate of the last quarter second counts for a third of the new one: calm
 * enough to read, quick enough to show a stall. */
static void sample_rate(struct progress *progress, uint64_t now)
{
    const uint64_t span = now - progress->sampled_ns;
    double rate;

    if (span < SAMPLE_EVERY_NS)
        return;
    rate = (double)(progress->done - progress->sampled_done) *
           (double)NS_PER_SECOND / (double)span;
    progress->rate = progress->sampled_ns == progress->start_ns
                         ? rate
                         : progress->rate * 2 / 3 + rate / 3;
    progress->sampled_ns = now;
    progress->sampled_done = progress->done;
}

/* "  42 %", or the empty string if the total is not known. */
static void percent_format(const struct progress *progress, char text[16])
{
    text[0] = '\0';
    if (progress->total != PROGRESS_UNKNOWN && progress->total != 0)
        snprintf(text, 16, " %3d %%",
                 (int)((double)progress->done * 100 / (double)progress->total));
}

/* " 1:23 left", or the empty string if nobody knows. */
static void left_format(const struct progress *progress,
                        char text[SIZE_TEXT_LEN + 8])
{
    char clock[SIZE_TEXT_LEN];

    text[0] = '\0';
    if (progress->total == PROGRESS_UNKNOWN || progress->rate < 1)
        return;
    snprintf(text, SIZE_TEXT_LEN + 8, "  %s left",
             clock_format(
                 clock, (uint64_t)((double)(progress->total - progress->done) /
                                       progress->rate +
                                   0.5)));
}

/* " [=====>    ]", of `columns` columns in all. */
static size_t bar_format(const struct progress *progress, size_t columns,
                         char *text)
{
    const size_t inner = columns - 3;
    const size_t full = (size_t)((double)inner * (double)progress->done /
                                 (double)progress->total);

    text[0] = ' ';
    text[1] = '[';
    memset(text + 2, ' ', inner);
    memset(text + 2, '=', full);
    if (full < inner)
        text[2 + full] = '>';
    text[2 + inner] = ']';
    text[3 + inner] = '\0';
    return columns;
}

void progress_line(const struct progress *progress, size_t columns,
                   char line[PROGRESS_LINE_LEN])
{
    char percent[16], left[SIZE_TEXT_LEN + 8], rate[SIZE_TEXT_LEN];
    char size[SIZE_TEXT_LEN], tail[4 * SIZE_TEXT_LEN], bar[64] = "";
    char label[256];
    size_t used;

    text_clean(label, progress->label, strnlen(progress->label, 255));
    percent_format(progress, percent);
    left_format(progress, left);
    snprintf(tail, sizeof(tail), "  %s  %s%s",
             size_format(size, progress->done),
             rate_format(rate, (uint64_t)progress->rate, NS_PER_SECOND), left);
    used = strlen(percent) + strlen(tail);
    if (percent[0] != '\0' &&
        columns > used + text_columns(label) + BAR_COLUMNS_MIN) {
        size_t bar_columns = columns - used - text_columns(label);

        if (bar_columns > BAR_COLUMNS_MAX)
            bar_columns = BAR_COLUMNS_MAX;
        used += bar_format(progress, bar_columns, bar);
    }
    if (text_columns(label) + used > columns)
        label[0] = '\0'; /* a narrow terminal keeps the numbers */
    snprintf(line, PROGRESS_LINE_LEN, "%s%s%s%s", label, percent, bar, tail);
    if (strlen(line) > columns && label[0] == '\0')
        line[columns] = '\0';
}

void progress_tick(struct progress *progress)
{
    char line[PROGRESS_LINE_LEN];
    uint64_t now;

    if (!progress->status.enabled)
        return;
    now = clock_ns();
    sample_rate(progress, now);
    if (!status_line_due(&progress->status, now))
        return;
    progress_line(progress, status_line_columns(), line);
    status_line_draw(&progress->status, line);
}

void progress_advance(struct progress *progress, uint64_t bytes)
{
    progress->done += bytes;
    if (progress->done > progress->total)
        progress->done = progress->total; /* the last sector's padding */
    progress_tick(progress);
}

void progress_clear(struct progress *progress)
{
    status_line_clear(&progress->status);
}

uint64_t progress_elapsed_ns(const struct progress *progress)
{
    return clock_ns() - progress->start_ns;
}
