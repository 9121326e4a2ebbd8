/* SPDX-License-Identifier: MIT */
#include "load.h"

#include "pattern.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000u
#define RING 64u
#define SLOTS_MAX 65536u /* more sessions have shorter rings */

_Noreturn void load_fail(const char *format, ...)
{
    va_list arguments;

    fputs("load: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t load_clock(struct load *load)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    load->now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    return load->now_ns;
}

/*
 * Answers.
 */

/* Only the first few are told; the number is in the result. */
static void note_error(struct load *load, const char *what, uint64_t of)
{
    if (load->errors++ < 5)
        fprintf(stderr, "load: %s %llu\n", what, (unsigned long long)of);
}

void load_stray(struct load *load, const char *what)
{
    note_error(load, what, 0);
}

static void check_data(struct load *load, uint32_t lsn, const uint8_t *data)
{
    size_t len = load->options->sector_len;
    uint64_t granule = (uint64_t)lsn * (len / PATTERN_GRANULE_LEN);

    if (load->options->verify ? !pattern_is(data, len, granule)
                              : !pattern_begins(data, granule))
        note_error(load, "wrong data in sector", lsn);
}

void load_answered(struct load *load, struct lane *lane, struct slot *slot,
                   unsigned status, const uint8_t *data)
{
    if (status != 0)
        note_error(load, "a request was refused with error", status);
    else if (slot->kind == SLOT_READ && !load->options->unchecked)
        check_data(load, slot->lsn, data);
    slot->kind = SLOT_FREE;
    lane->under_way--;
    if (load->stopped)
        return;
    load->operations++;
    histogram_note(&load->latency, load->now_ns - slot->sent_ns);
}

/*
 * Requests.
 */

static uint32_t draw(struct load *load, uint64_t below)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return (uint32_t)(((load->random >> 32) * below) >> 32);
}

static uint32_t pick_lsn(struct load *load, const struct slot *slot)
{
    unsigned sectors = load->options->run > 0 ? load->options->run : 1;
    uint64_t lsn = load->next_lsn, slots;

    if (load->options->sequential || load->options->once) {
        load->next_lsn += sectors;
        if (load->next_lsn + sectors > load->sectors && !load->options->once)
            load->next_lsn = 0;
        return (uint32_t)lsn;
    }
    if (load->options->writes == 0)
        return draw(load, load->sectors / sectors) * sectors;
    slots = (uint64_t)load->ring * load->options->sessions;
    return (uint32_t)(draw(load, load->sectors / slots) * slots +
                      (uint64_t)(slot - load->slots));
}

/* READs of a run are one request, but each is answered for itself. */
static void begin(struct load *load, struct lane *lane, struct session *session)
{
    unsigned run = load->options->run, count = run > 0 ? run : 1;
    uint32_t number = session->next;
    struct slot *first = load_slot(load, session, number);
    uint32_t lsn = pick_lsn(load, first);
    bool write =
        load->options->writes > 0 && draw(load, 100) < load->options->writes;

    for (unsigned i = 0; i < count; i++) {
        struct slot *slot = load_slot(load, session, number + i);

        slot->sent_ns = load->now_ns;
        slot->due_ns = load->now_ns + load->options->timeout_ms * 1000000ull;
        slot->lsn = lsn + i;
        slot->kind = write ? SLOT_WRITE : SLOT_READ;
        slot->run = 0;
    }
    first->run = (uint8_t)run;
    session->next += count;
    lane->under_way += count;
    load->protocol->put(load, lane, session, number);
}

static bool has_room(const struct load *load, const struct session *session)
{
    unsigned count = load->options->run > 0 ? load->options->run : 1;

    while (count-- > 0)
        if (load_slot(load, session, session->next + count)->kind != SLOT_FREE)
            return false;
    return true;
}

static bool all_begun(const struct load *load)
{
    return load->stopped ||
           (load->options->once && load->next_lsn >= load->sectors);
}

static void fill(struct load *load, struct lane *lane)
{
    unsigned count = load->options->run > 0 ? load->options->run : 1;
    unsigned misses = 0;

    while (lane->under_way + count <= lane->limit && !all_begun(load) &&
           misses < lane->session_count) {
        struct session *session = &lane->sessions[lane->turn];

        lane->turn = lane->turn + 1 < lane->session_count ? lane->turn + 1 : 0;
        if (has_room(load, session))
            begin(load, lane, session);
        else
            misses++;
    }
    load->protocol->flush(load, lane);
}

/*
 * What is lost.
 */

/* A run of which nothing came is asked for again as a run, by its first number;
 * of any other the missing ones are, one by one. */
static void send_again(struct load *load, struct lane *lane,
                       struct session *session, uint32_t number)
{
    struct slot *slot = load_slot(load, session, number);
    unsigned run = slot->run;

    for (unsigned i = 1; i < run; i++)
        if (load_slot(load, session, number + i)->kind == SLOT_FREE)
            slot->run = 0;
    for (unsigned i = 1; i < slot->run; i++)
        load_slot(load, session, number + i)->due_ns =
            load->now_ns + load->options->timeout_ms * 1000000ull;
    slot->due_ns = load->now_ns + load->options->timeout_ms * 1000000ull;
    load->retransmissions++;
    load->has_lost = true;
    load->protocol->put(load, lane, session, number);
}

static void look_for_lost(struct load *load, struct lane *lane)
{
    for (unsigned i = 0; i < lane->session_count; i++) {
        struct session *session = &lane->sessions[i];

        for (uint32_t back = load->ring; back > 0; back--) {
            uint32_t number = session->next - back;
            struct slot *slot = load_slot(load, session, number);

            if (slot->kind != SLOT_FREE && slot->due_ns <= load->now_ns)
                send_again(load, lane, session, number);
        }
    }
    load->protocol->flush(load, lane);
}

/*
 * The loop.
 */

static unsigned under_way(const struct load *load)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < load->options->lanes; i++)
        sum += load->lanes[i].under_way;
    return sum;
}

static void turn(struct load *load)
{
    for (unsigned i = 0; i < load->options->lanes; i++) {
        struct lane *lane = &load->lanes[i];

        if (lane->under_way == 0 || load->protocol->receive(load, lane))
            fill(load, lane);
    }
    if (load->protocol->lossy && load->now_ns >= load->look_ns) {
        load->look_ns = load->now_ns + load->options->timeout_ms * 500000ull;
        for (unsigned i = 0; i < load->options->lanes; i++)
            look_for_lost(load, &load->lanes[i]);
    }
}

static void begin_measuring(struct load *load)
{
    load->begin_ns = load_clock(load);
    load->operations = load->retransmissions = 0;
    load->latency = (struct histogram){0};
}

static void run_for(struct load *load, double seconds)
{
    uint64_t end = load_clock(load) + (uint64_t)(seconds * NS_PER_S);

    while (load->now_ns < end)
        turn(load);
}

static void run_once(struct load *load)
{
    do
        turn(load);
    while (under_way(load) > 0);
    load_clock(load);
}

/* What is under way is waited for, a second at most. */
static void drain(struct load *load)
{
    uint64_t end = load_clock(load) + NS_PER_S;

    load->stopped = true;
    while (under_way(load) > 0 && load->now_ns < end) {
        turn(load);
        load_clock(load);
    }
    if (under_way(load) > 0)
        note_error(load, "requests that nobody answered:", under_way(load));
}

/*
 * Setting up, and the result.
 */

static void *room(size_t count, size_t len)
{
    void *memory = calloc(count, len);

    if (memory == NULL)
        load_fail("out of memory");
    return memory;
}

static void set_up(struct load *load)
{
    const struct options *options = load->options;
    unsigned per_lane = options->sessions / options->lanes;

    load->ring = RING;
    while (load->ring > 4 && load->ring * options->sessions > SLOTS_MAX)
        load->ring /= 2;
    load->lanes = room(options->lanes, sizeof *load->lanes);
    load->sessions = room(options->sessions, sizeof *load->sessions);
    load->slots =
        room((size_t)load->ring * options->sessions, sizeof *load->slots);
    for (unsigned i = 0; i < options->sessions; i++)
        load->sessions[i].slots = load->slots + (size_t)i * load->ring;
    for (unsigned i = 0; i < options->lanes; i++) {
        load->lanes[i] =
            (struct lane){.fd = -1,
                          .index = i,
                          .session_count = per_lane,
                          .limit = options->window,
                          .sessions = load->sessions + (size_t)i * per_lane};
        load->protocol->open(load, &load->lanes[i]);
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void print_result(const struct load *load, double seconds, double cpu)
{
    double rate = (double)load->operations / seconds;

    printf("{\"ops\": %llu, \"seconds\": %.6f, \"ops_per_s\": %.1f, "
           "\"mb_per_s\": %.3f, \"p50_ns\": %llu, \"p99_ns\": %llu, "
           "\"p999_ns\": %llu, \"retransmissions\": %llu, \"errors\": %llu, "
           "\"client_cpu\": %.3f}\n",
           (unsigned long long)load->operations, seconds, rate,
           rate * (double)load->options->sector_len / 1e6,
           (unsigned long long)histogram_quantile(&load->latency, 0.5),
           (unsigned long long)histogram_quantile(&load->latency, 0.99),
           (unsigned long long)histogram_quantile(&load->latency, 0.999),
           (unsigned long long)load->retransmissions,
           (unsigned long long)load->errors, cpu / seconds);
}

static void measure(struct load *load)
{
    double cpu, seconds;

    if (!load->options->once)
        run_for(load, load->options->warm_up_s);
    begin_measuring(load);
    cpu = cpu_seconds();
    if (load->options->once)
        run_once(load);
    else
        run_for(load, load->options->seconds);
    cpu = cpu_seconds() - cpu;
    seconds = 1e-9 * (double)(load->now_ns - load->begin_ns);
    drain(load);
    print_result(load, seconds, cpu);
}

/* Idle sessions, for as long as somebody looks at the server. */
static void hold(const struct load *load)
{
    char byte;

    printf("{\"sessions\": %u}\n", load->options->sessions);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

int main(int argc, char **argv)
{
    struct options options;
    static struct load load;

    options_read(&options, argc, argv);
    load.options = &options;
    load.protocol =
        options.form == FORM_NBD ? &nbd_protocol : &blockhead_protocol;
    load.random = 0x2545F4914F6CDD1Du;
    set_up(&load);
    if (options.hold)
        hold(&load);
    else
        measure(&load);
    for (unsigned i = 0; i < options.lanes; i++)
        load.protocol->close(&load, &load.lanes[i]);
    return load.errors == 0 ? 0 : 1;
}
