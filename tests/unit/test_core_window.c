/* SPDX-License-Identifier: MIT */
/* Numbers of a strict session, against a naive reference of the rules that
 * remembers every number. */
#include "core/window.h"

#include "wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define W BH_WINDOW_MAX
#define NUMBERS 200000u
#define AROUND 70u /* how far from H a state is compared: more than W */

/*
 * The reference: docs/protocol.md, sentence by sentence.
 */

static struct {
    uint64_t highest, lowest_unseen;
    bool recorded[NUMBERS];
    uint8_t status[NUMBERS];
} ref;

static void ref_init(void)
{
    memset(&ref, 0, sizeof ref);
    ref.lowest_unseen = 1;
}

static enum bh_number ref_check(uint64_t number)
{
    if (number == 0 || number + W <= ref.highest)
        return BH_NUMBER_OLD;
    if (ref.recorded[number])
        return BH_NUMBER_SEEN;
    return number <= ref.lowest_unseen + W - 1 ? BH_NUMBER_NEW
                                               : BH_NUMBER_AHEAD;
}

static void ref_record(uint64_t number, uint8_t status)
{
    ref.recorded[number] = true;
    ref.status[number] = status;
    if (number > ref.highest)
        ref.highest = number;
    while (ref.recorded[ref.lowest_unseen])
        ref.lowest_unseen++;
}

static uint8_t status_for(uint64_t number)
{
    return (uint8_t)(number * 7 + 1);
}

static uint8_t statuses[W];

/* A window that goes its own way from here on. */
static struct bh_window copy_of(const struct bh_window *window, uint8_t own[W])
{
    struct bh_window copy = *window;

    memcpy(own, window->status, W);
    copy.status = own;
    return copy;
}

static void record_both(struct bh_window *window, uint64_t number)
{
    bh_window_record(window, number, 1, status_for(number));
    ref_record(number, status_for(number));
}

/* Everything below `highest` is recorded, and it too. */
static void fill_to(struct bh_window *window, uint64_t highest)
{
    bh_window_init(window, statuses);
    ref_init();
    for (uint64_t n = 1; n <= highest; n++)
        record_both(window, n);
}

static void assert_number(const struct bh_window *window, uint64_t number)
{
    uint8_t status = 0;
    enum bh_number verdict = bh_window_check(window, number, &status),
                   want = ref_check(number);

    if (verdict != want)
        fail_msg("H %" PRIu64 " U %" PRIu64 ": %" PRIu64 " is %d, not %d",
                 ref.highest, ref.lowest_unseen, number, (int)verdict,
                 (int)want);
    if (want == BH_NUMBER_SEEN)
        assert_int_equal(status, ref.status[number]);
}

/* Every number that could be told apart, also by its 16 bits on the wire. */
static void assert_agrees(const struct bh_window *window)
{
    uint64_t from = ref.highest > AROUND ? ref.highest - AROUND : 0;

    assert_int_equal(window->highest, ref.highest);
    for (uint64_t n = from; n <= ref.highest + AROUND; n++) {
        assert_number(window, n);
        if (n <= ref.highest + W)
            assert_int_equal(bh_window_infer(window, (uint16_t)n), n);
    }
}

/*
 * Truth tables.
 */

static void verdicts_follow_h_u_and_w(void **state)
{
    static const struct {
        uint64_t filled; /* 1 to this are recorded */
        uint64_t also;   /* and this, if it is not 0 */
        uint64_t number;
        enum bh_number verdict;
    } rows[] = {{0, 0, 0, BH_NUMBER_OLD},      {0, 0, 1, BH_NUMBER_NEW},
                {0, 0, 64, BH_NUMBER_NEW},     {0, 0, 65, BH_NUMBER_AHEAD},
                {1, 0, 1, BH_NUMBER_SEEN},     {1, 0, 2, BH_NUMBER_NEW},
                {1, 0, 65, BH_NUMBER_NEW},     {1, 0, 66, BH_NUMBER_AHEAD},
                {0, 64, 1, BH_NUMBER_NEW},     {0, 64, 63, BH_NUMBER_NEW},
                {0, 64, 64, BH_NUMBER_SEEN},   {0, 64, 65, BH_NUMBER_AHEAD},
                {0, 64, 128, BH_NUMBER_AHEAD}, {1, 65, 2, BH_NUMBER_NEW},
                {1, 65, 1, BH_NUMBER_OLD},     {1, 65, 66, BH_NUMBER_AHEAD},
                {64, 0, 1, BH_NUMBER_SEEN},    {65, 0, 1, BH_NUMBER_OLD},
                {65, 0, 2, BH_NUMBER_SEEN},    {100, 0, 36, BH_NUMBER_OLD},
                {100, 0, 37, BH_NUMBER_SEEN},  {100, 0, 164, BH_NUMBER_NEW},
                {100, 0, 165, BH_NUMBER_AHEAD}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_window window;
        uint8_t status;

        fill_to(&window, rows[i].filled);
        if (rows[i].also != 0)
            record_both(&window, rows[i].also);
        assert_int_equal(ref_check(rows[i].number), rows[i].verdict);
        if (bh_window_check(&window, rows[i].number, &status) !=
            rows[i].verdict)
            fail_msg("row %zu", i);
    }
}

static void the_bits_above_16_are_inferred(void **state)
{
    static const struct {
        uint64_t highest;
        uint16_t low;
        uint64_t number; /* 0: before the first */
    } rows[] = {
        {0, 1, 1},
        {0, 64, 64},
        {0, 65, 0},
        {0, 0xFFFF, 0},
        {0, 0, 0},
        {100, 100, 100},
        {100, 164, 164},
        {100, 36, 36},
        {100, 165, 0},
        {65535, 0, 65536},
        {65535, 63, 65599},
        {65535, 64, 64}, /* the bound: a delay of 65,536 - W is told right */
        {65536, 0xFFFF, 65535},
        {65536, 64, 65600},
        {65536, 65, 65},
        {131072, 64, 131136},
        {131072, 65, 65601},
        {(uint64_t)1 << 40, 1, ((uint64_t)1 << 40) + 1},
        {(uint64_t)1 << 40, 0xFFFF, ((uint64_t)1 << 40) - 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bh_window window;

        bh_window_init(&window, statuses);
        window.highest = rows[i].highest;
        if (bh_window_infer(&window, rows[i].low) != rows[i].number)
            fail_msg("row %zu: %" PRIu64, i,
                     bh_window_infer(&window, rows[i].low));
    }
}

static void inference_holds_to_its_bound_and_no_further(void **state)
{
    static const uint64_t highest[] = {65536,  65537,  65599, 65600,
                                       100000, 131071, 131072};

    (void)state;
    for (size_t i = 0; i < COUNT(highest); i++) {
        uint64_t h = highest[i], oldest = h + W - 65535;
        struct bh_window window;

        bh_window_init(&window, statuses);
        window.highest = h;
        for (uint64_t n = oldest; n <= h + W; n++)
            assert_int_equal(bh_window_infer(&window, (uint16_t)n), n);
        /* One more request of delay, and it passes for a new one. */
        assert_int_equal(bh_window_infer(&window, (uint16_t)(oldest - 1)),
                         h + W);
    }
}

/*
 * Exhaustive.
 */

/* Delivers the numbers `base` + 1 to `base` + `left` in every order. */
static void deliver_rest(const struct bh_window *before, uint64_t base,
                         unsigned count, unsigned done)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t own[W];
        struct bh_window window = copy_of(before, own);
        uint64_t highest = ref.highest, unseen = ref.lowest_unseen,
                 number = base + 1 + i;
        uint8_t status;

        if (done >> i & 1) {
            assert_int_equal(bh_window_check(&window, number, &status),
                             BH_NUMBER_SEEN);
            assert_int_equal(status, status_for(number));
            continue;
        }
        assert_int_equal(bh_window_check(&window, number, &status),
                         BH_NUMBER_NEW);
        record_both(&window, number);
        deliver_rest(&window, base, count, done | 1u << i);
        if ((done | 1u << i) == (1u << count) - 1)
            assert_agrees(&window);
        ref.recorded[number] = false;
        ref.highest = highest;
        ref.lowest_unseen = unseen;
    }
}

static void every_order_of_seven_is_carried_out_once_each(void **state)
{
    static const uint64_t bases[] = {0, 1, 60, 63, 64, 65530, 65535, 131070};

    (void)state;
    for (size_t i = 0; i < COUNT(bases); i++) {
        struct bh_window window;

        fill_to(&window, bases[i]);
        deliver_rest(&window, bases[i], 7, 0);
    }
}

/* Numbers near every edge of the present state, the `which`th of them. */
static uint64_t near_an_edge(unsigned which)
{
    static const int from_highest[] = {-64, -63, -62, -2, -1, 0, 1, 2, 64, 65};
    static const int from_unseen[] = {-1, 0, 1, 62, 63, 64};
    int64_t number;

    if (which < COUNT(from_highest))
        number = (int64_t)ref.highest + from_highest[which];
    else
        number = (int64_t)ref.lowest_unseen +
                 from_unseen[which - COUNT(from_highest)];
    return number < 0 ? 0 : (uint64_t)number;
}

static void arrive(const struct bh_window *before, unsigned depth)
{
    assert_agrees(before);
    if (depth == 0)
        return;
    for (unsigned which = 0; which < 16; which++) {
        uint8_t own[W];
        struct bh_window window = copy_of(before, own);
        uint64_t number = near_an_edge(which), highest = ref.highest,
                 unseen = ref.lowest_unseen;

        if (ref_check(number) != BH_NUMBER_NEW)
            continue; /* changes nothing, and assert_agrees() has seen it */
        record_both(&window, number);
        arrive(&window, depth - 1);
        ref.recorded[number] = false;
        ref.highest = highest;
        ref.lowest_unseen = unseen;
    }
}

static void every_path_along_the_edges_agrees(void **state)
{
    static const uint64_t bases[] = {0, 1, 63, 64, 65472, 65535, 65536, 131000};

    (void)state;
    for (size_t i = 0; i < COUNT(bases); i++) {
        struct bh_window window;

        fill_to(&window, bases[i]);
        arrive(&window, 4);
    }
}

static void a_long_life_with_loss_and_reordering_agrees(void **state)
{
    struct bh_window window;
    uint64_t random = 20211;

    (void)state;
    fill_to(&window, 0);
    while (ref.highest < NUMBERS - 1000) {
        uint64_t number;

        random = random * 6364136223846793005u + 1442695040888963407u;
        number = ref.lowest_unseen + (random >> 33) % (W + 4);
        if ((random >> 60) == 0)
            number = ref.lowest_unseen;
        assert_number(&window, number);
        if (ref_check(number) == BH_NUMBER_NEW)
            record_both(&window, number);
        if ((random >> 50 & 255) == 0)
            assert_agrees(&window);
    }
}

/*
 * Runs, and what a kill forgets.
 */

static void a_run_is_recorded_as_its_numbers_one_by_one(void **state)
{
    (void)state;
    for (uint64_t first = 1; first <= 130; first++) {
        for (uint32_t count = 1; count <= BH_WINDOW_MAX; count++) {
            struct bh_window whole, single;
            uint8_t own[W];
            uint8_t status = count % 3 == 0 ? BH_ERR_STORAGE : BH_OK;

            fill_to(&whole, 66);
            single = copy_of(&whole, own);
            if (first + count - 1 > 66 + BH_WINDOW_MAX)
                continue;
            bh_window_record(&whole, first, count, status);
            for (uint64_t n = first; n < first + count; n++)
                bh_window_record(&single, n, 1, status);
            assert_memory_equal(whole.status, own, W);
            single.status = whole.status;
            assert_memory_equal(&whole, &single, sizeof whole);
        }
    }
}

/* A client with a window of W, whose READs are done in any order. */
struct reader {
    uint64_t oldest;                  /* not answered */
    uint64_t sent;                    /* below oldest + W */
    bool answered[2 * BH_WINDOW_MAX]; /* number n at n mod 2 W */
};

static void sends_what_it_may(struct reader *reader,
                              const struct bh_window *window)
{
    uint8_t status;

    for (; reader->sent < reader->oldest + BH_WINDOW_MAX; reader->sent++) {
        uint64_t n = reader->sent;

        reader->answered[n % (2 * BH_WINDOW_MAX)] = false;
        assert_int_equal(bh_window_infer(window, (uint16_t)n), n);
        assert_int_equal(bh_window_check(window, n, &status), BH_NUMBER_NEW);
    }
}

/* One that waits is done; says whether the server of now knew of it. */
static bool is_answered_one(struct reader *reader, struct bh_window *window)
{
    uint64_t n = reader->oldest + (uint64_t)rand() % BH_WINDOW_MAX;
    uint8_t status;
    bool fresh;

    while (reader->answered[n % (2 * BH_WINDOW_MAX)])
        n = reader->oldest + (uint64_t)rand() % BH_WINDOW_MAX;
    assert_int_equal(bh_window_infer(window, (uint16_t)n), n);
    fresh = bh_window_check(window, n, &status) == BH_NUMBER_NEW;
    assert_true(fresh || bh_window_check(window, n, &status) == BH_NUMBER_SEEN);
    bh_window_record(window, n, 1, BH_OK);
    reader->answered[n % (2 * BH_WINDOW_MAX)] = true;
    while (reader->oldest < reader->sent &&
           reader->answered[reader->oldest % (2 * BH_WINDOW_MAX)])
        reader->oldest++;
    return fresh;
}

static void kills_between_reads_stop_no_client(void **state)
{
    struct bh_window window, kept;
    struct reader reader = {.oldest = 1, .sent = 1};
    uint32_t unkept = 0;

    (void)state;
    srand(1);
    bh_window_init(&window, statuses);
    kept = window;
    for (int i = 0; i < 1000000; i++) {
        sends_what_it_may(&reader, &window);
        unkept += is_answered_one(&reader, &window);
        if (unkept > BH_UNKEPT_MAX) {
            kept = window;
            unkept = bh_window_unsure(&window) ? BH_UNKEPT_MAX : 0;
        }
        if (rand() % 50 == 0) {
            window = kept;
            bh_window_restored(&window);
            unkept = BH_UNKEPT_MAX;
        }
    }
    assert_true(reader.oldest > 500000);
}

static void after_a_kill_the_rule_is_exact_again_in_time(void **state)
{
    struct bh_window window;
    uint8_t status;

    (void)state;
    fill_to(&window, 100);
    bh_window_restored(&window);
    assert_int_equal(bh_window_check(&window, 101 + 160, &status),
                     BH_NUMBER_AHEAD);
    for (uint64_t n = 101; n <= 100 + BH_UNKEPT_MAX + BH_WINDOW_MAX + 1; n++)
        bh_window_record(&window, n, 1, BH_OK);
    assert_int_equal(
        bh_window_check(&window, window.highest + BH_WINDOW_MAX, &status),
        BH_NUMBER_NEW);
    assert_int_equal(
        bh_window_check(&window, window.highest + BH_WINDOW_MAX + 1, &status),
        BH_NUMBER_AHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_recorded_as_its_numbers_one_by_one),
        cmocka_unit_test(kills_between_reads_stop_no_client),
        cmocka_unit_test(after_a_kill_the_rule_is_exact_again_in_time),
        cmocka_unit_test(verdicts_follow_h_u_and_w),
        cmocka_unit_test(the_bits_above_16_are_inferred),
        cmocka_unit_test(inference_holds_to_its_bound_and_no_further),
        cmocka_unit_test(every_order_of_seven_is_carried_out_once_each),
        cmocka_unit_test(every_path_along_the_edges_agrees),
        cmocka_unit_test(a_long_life_with_loss_and_reordering_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
