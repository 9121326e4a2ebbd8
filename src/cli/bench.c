/* SPDX-License-Identifier: MIT */
/*
 * blockhead bench: how many requests a volume answers in a second, and how long
 * each takes.
 *
 * Nobody is disturbed and nothing is changed. Reads take no lock. Writes do,
 * and put back what they have read under it; what another session could write
 * in between is refused: a shared volume, and a server without strict sessions,
 * which may carry out an old WRITE late.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/size.h"
#include "cli/status_line.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "cli/volume.h"

#define NS_PER_MS UINT64_C(1000000)
#define DURATION_MS_DEFAULT 5000u
#define TICK_MS 100
#define WRITTEN_LEN_MAX (16u << 20) /* kept in memory, and holes are filled */

struct bench {
    const struct options *options;
    struct volume volume;
    struct interrupt interrupt;
    struct load load;
    uint8_t *data;  /* owned; reads */
    uint8_t *image; /* owned; writes: what the volume holds */
    uint8_t *again; /* owned; and what it holds in the end */
    uint64_t start_ns, end_ns;
    struct bh_stats before, after;
    struct status_line status;
    uint64_t drawn_ns, drawn_count; /* of the last line */
};

/*
 * Before.
 */

static bool may_write(const struct bench *bench)
{
    const struct bh_info *info = bh_disk_info(bench->volume.disk);
    const char *why = NULL;

    if (info->read_only)
        why = "it is read-only";
    else if (info->shared)
        why = "it is shared, and what another client writes meanwhile would "
              "be undone; try a volume of its own";
    else if (!info->strict)
        why = "its server is too old to write what was read back safely";
    if (why != NULL)
        complain("cannot measure writes to %s: %s", bench->volume.target.text,
                 why);
    return why == NULL;
}

/* Writes leave the last sector alone: the volume may end within it, and grow.
 */
static bool choose_sectors(struct bench *bench)
{
    const struct volume *volume = &bench->volume;
    struct load *load = &bench->load;

    if (!volume->known) {
        complain("cannot measure %s: its server does not say how long it is "
                 "(IDENTIFY)",
                 volume->target.text);
        return false;
    }
    load->sector_len = volume->sector_len;
    load->sector_count = volume->sector_count;
    if (bench->options->writes && load->sector_count > 0)
        load->sector_count--;
    if (bench->options->writes &&
        load->sector_count > WRITTEN_LEN_MAX / load->sector_len)
        load->sector_count = WRITTEN_LEN_MAX / load->sector_len;
    load->run = bench->options->run != 0 ? bench->options->run : 1;
    if (load->sector_count < load->run)
        complain("cannot measure %s: it is too short", volume->target.text);
    return load->sector_count >= load->run;
}

/* Runs fill the server's window among themselves, and two keep the line busy.
 */
static void choose_window(struct bench *bench)
{
    const unsigned most = bh_disk_info(bench->volume.disk)->window;
    const uint32_t wanted = bench->options->window;
    struct load *load = &bench->load;

    load->window = most < LOAD_WINDOW_MAX ? most : LOAD_WINDOW_MAX;
    if (wanted > load->window)
        note("%u requests at a time are the most that this server takes.",
             load->window);
    else if (wanted != 0)
        load->window = wanted;
    else if (load->run > 1 && load->window > 1)
        load->window =
            load->window / load->run > 2 ? load->window / load->run : 2;
}

static bool open_volume(struct bench *bench)
{
    const bool writes = bench->options->writes;
    struct load *load = &bench->load;

    if (!volume_open(&bench->volume, "measure", writes ? 0 : BH_OPEN_LOOK,
                     VOLUME_SECTOR_LEN) ||
        !choose_sectors(bench) || (writes && !may_write(bench)))
        return false;
    load->disk = bench->volume.disk;
    load->interrupt = &bench->interrupt;
    load->sequential = bench->options->sequential;
    choose_window(bench);
    return true;
}

static int read_image(struct bench *bench, uint8_t *out)
{
    struct transfer transfer = {.disk = bench->volume.disk,
                                .sector_len = bench->load.sector_len,
                                .interrupt = &bench->interrupt};

    return transfer_read(&transfer, 0, (size_t)bench->load.sector_count, out,
                         NULL);
}

static int prepare_reads(struct bench *bench)
{
    const struct load *load = &bench->load;

    bench->data = malloc((size_t)load->window * load->run * load->sector_len);
    if (bench->data == NULL) {
        complain("cannot measure reads: out of memory");
        return -ENOMEM;
    }
    bench->load.data = bench->data;
    return 0;
}

static int prepare_writes(struct bench *bench)
{
    const size_t len =
        (size_t)bench->load.sector_count * bench->load.sector_len;

    bench->image = malloc(len);
    bench->again = malloc(len);
    if (bench->image == NULL || bench->again == NULL) {
        complain("cannot measure writes: out of memory");
        return -ENOMEM;
    }
    bench->load.image = bench->image;
    return read_image(bench, bench->image);
}

/*
 * Meanwhile.
 */

static uint64_t request_len(const struct bench *bench)
{
    return (uint64_t)bench->load.run * bench->load.sector_len;
}

static void format_rate(const struct bench *bench, uint64_t count, uint64_t ns,
                        char *out, size_t out_len)
{
    char rate[SIZE_TEXT_LEN];

    snprintf(out, out_len, "%.0f a second, %s",
             ns == 0 ? 0 : (double)count * NS_PER_SECOND / (double)ns,
             rate_format(rate, count * request_len(bench), ns));
}

/* A narrow terminal keeps the numbers, which begin at `numbers`. */
static void show(struct bench *bench, char *line, size_t numbers)
{
    const size_t columns = status_line_columns();

    if (text_columns(line) > columns) {
        line += numbers;
        line[columns < strlen(line) ? columns : strlen(line)] = '\0';
    }
    status_line_draw(&bench->status, line);
}

/* "disk.img  0:04 left  312345 a second, 152 MiB/s  p99 0.412 ms" */
static void draw(struct bench *bench, uint64_t now_ns, uint64_t due_ns)
{
    const struct latency *latency = &bench->load.latency;
    char label[256], left[SIZE_TEXT_LEN], trip[SIZE_TEXT_LEN], rate[64];
    char line[512];

    if (!status_line_due(&bench->status, now_ns))
        return;
    format_rate(bench, latency->count - bench->drawn_count,
                now_ns - bench->drawn_ns, rate, sizeof(rate));
    bench->drawn_ns = now_ns;
    bench->drawn_count = latency->count;
    text_clean(label, volume_label(&bench->volume),
               strnlen(volume_label(&bench->volume), 255));
    snprintf(line, sizeof(line), "%s  %s left  %s  p99 %s", label,
             clock_format(left, (due_ns - now_ns) / NS_PER_SECOND + 1), rate,
             trip_format(trip, (uint32_t)(latency_at(latency, 990) / 1000)));
    show(bench, line, strlen(label) + 2);
}

/* Until the time is over, and then until all requests are. */
static int measure(struct bench *bench)
{
    const uint32_t wanted_ms = bench->options->duration_ms;
    uint64_t now_ns = clock_ns(), due_ns;
    int result = 0;

    due_ns =
        now_ns + NS_PER_MS * (wanted_ms != 0 ? wanted_ms : DURATION_MS_DEFAULT);
    bench->start_ns = bench->drawn_ns = now_ns;
    bh_disk_stats(bench->volume.disk, &bench->before);
    status_line_begin(&bench->status, now_ns, bench->options->quiet);
    while (result == 0 && (now_ns < due_ns || bench->load.under_way > 0)) {
        const uint64_t left_ms =
            now_ns < due_ns ? (due_ns - now_ns) / NS_PER_MS + 1 : TICK_MS;

        result = load_step(&bench->load, now_ns < due_ns,
                           left_ms < TICK_MS ? (int)left_ms : TICK_MS);
        now_ns = clock_ns();
        if (now_ns < due_ns)
            draw(bench, now_ns, due_ns);
    }
    bench->end_ns = now_ns;
    bh_disk_stats(bench->volume.disk, &bench->after);
    status_line_clear(&bench->status);
    return result;
}

/*
 * After.
 */

/* The volume is as it was, and stable. */
static int finish_writes(struct bench *bench)
{
    const size_t len =
        (size_t)bench->load.sector_count * bench->load.sector_len;
    struct transfer transfer = {.disk = bench->volume.disk,
                                .sector_len = bench->load.sector_len,
                                .interrupt = &bench->interrupt};
    int result = read_image(bench, bench->again);

    if (result == 0 && memcmp(bench->image, bench->again, len) != 0) {
        complain("%s does not hold what was written to it: its storage or its "
                 "server is at fault",
                 bench->volume.target.text);
        return -EILSEQ;
    }
    return result != 0 ? result : transfer_close(&transfer);
}

static void print_report(const struct bench *bench)
{
    const struct load *load = &bench->load;
    const uint64_t ns = bench->end_ns - bench->start_ns;
    const uint64_t sent_again =
        bench->after.retransmissions - bench->before.retransmissions;
    static const unsigned at[] = {500, 990, 999, 1000};
    char trips[4][SIZE_TEXT_LEN], rate[64], runs[16] = "";

    for (size_t i = 0; i < 4; i++)
        trip_format(trips[i],
                    (uint32_t)(latency_at(&load->latency, at[i]) / 1000));
    format_rate(bench, load->latency.count, ns, rate, sizeof(rate));
    if (load->run > 1)
        snprintf(runs, sizeof(runs), "%u ", (unsigned)load->run);
    printf(
        "%s: %s %s, %ssectors of %u bytes, %u at a time, %.1f s\n",
        bench->volume.target.text, load->sequential ? "sequential" : "random",
        bench->options->writes ? "writes" : "reads", runs,
        (unsigned)load->sector_len, load->window, (double)ns / NS_PER_SECOND);
    printf("%" PRIu64 " requests: %s\n", load->latency.count, rate);
    printf("p50 %s, p99 %s, p99.9 %s, longest %s\n", trips[0], trips[1],
           trips[2], trips[3]);
    printf("%" PRIu64 " datagram%s sent again\n", sent_again,
           sent_again == 1 ? "" : "s");
}

static struct json *latency_json(const struct latency *latency)
{
    struct json *object = json_object_begin();

    json_put_real(object, "min", (double)latency->min_ns / NS_PER_MS);
    json_put_real(object, "mean", (double)latency_mean(latency) / NS_PER_MS);
    json_put_real(object, "p50", (double)latency_at(latency, 500) / NS_PER_MS);
    json_put_real(object, "p99", (double)latency_at(latency, 990) / NS_PER_MS);
    json_put_real(object, "p999", (double)latency_at(latency, 999) / NS_PER_MS);
    json_put_real(object, "max", (double)latency->max_ns / NS_PER_MS);
    return object;
}

static bool print_json(const struct bench *bench)
{
    const struct load *load = &bench->load;
    const uint64_t count = load->latency.count;
    const double seconds =
        (double)(bench->end_ns - bench->start_ns) / NS_PER_SECOND;
    struct json *object = json_object_begin();

    json_put_text(object, "url", bench->volume.target.text);
    json_put_text(object, "operation",
                  bench->options->writes ? "write" : "read");
    json_put_text(object, "order", load->sequential ? "sequential" : "random");
    json_put_number(object, "sector_length", load->sector_len);
    json_put_number(object, "sector_count", load->sector_count);
    json_put_number(object, "run", load->run);
    json_put_number(object, "window", load->window);
    json_put_real(object, "seconds", seconds);
    json_put_number(object, "requests", count);
    json_put_real(object, "requests_per_second", (double)count / seconds);
    json_put_real(object, "bytes_per_second",
                  (double)(count * request_len(bench)) / seconds);
    json_put(object, "latency_ms", latency_json(&load->latency));
    json_put_number(object, "retransmissions",
                    bench->after.retransmissions -
                        bench->before.retransmissions);
    json_put_number(object, "reconnections",
                    bench->after.reconnections - bench->before.reconnections);
    return json_print(object);
}

static int report(const struct bench *bench, int code)
{
    if (bench->options->json)
        return print_json(bench) ? code : EXIT_TROUBLE;
    if (!bench->options->quiet)
        print_report(bench);
    return code;
}

/* A signal ends the measurement sooner, and what there is is told. */
static int give_up(struct bench *bench, int error)
{
    if (error == -EINTR && bench->end_ns != 0)
        return report(bench, EXIT_SIGNAL + bench->interrupt.signal);
    if (error == -EINTR)
        return EXIT_SIGNAL + bench->interrupt.signal;
    if (error != -EILSEQ && error != -ENOMEM)
        complain_disk(bench->volume.disk, error);
    return EXIT_TROUBLE;
}

static int run(struct bench *bench)
{
    int result;

    if (!open_volume(bench))
        return EXIT_TROUBLE;
    result = interrupt_catch(&bench->interrupt);
    if (result == 0)
        result = bench->options->writes ? prepare_writes(bench)
                                        : prepare_reads(bench);
    if (result == 0)
        result = measure(bench);
    if (result == 0 && bench->options->writes)
        result = finish_writes(bench);
    return result == 0 ? report(bench, EXIT_FINE) : give_up(bench, result);
}

int run_bench(const struct options *options, char *const operands[], int count)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int code = EXIT_USAGE;

    (void)count;
    if (bench == NULL) {
        complain("cannot measure %s: out of memory", operands[0]);
        return EXIT_TROUBLE;
    }
    bench->options = options;
    bench->interrupt = INTERRUPT_NONE;
    if (volume_begin(&bench->volume, operands[0], options))
        code = run(bench);
    volume_end(&bench->volume); /* lets go of the buffers, too */
    free(bench->data);
    free(bench->image);
    free(bench->again);
    free(bench);
    return code;
}
