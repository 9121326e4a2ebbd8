/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/requests.h"

#define READ BH_REQUEST_READ
#define WRITE BH_REQUEST_WRITE
#define FLUSH BH_REQUEST_FLUSH
#define IDENTIFY BH_REQUEST_IDENTIFY
#define TRIM BH_REQUEST_TRIM
#define CHECKSUM BH_REQUEST_CHECKSUM
#define CHECKPOINT BH_REQUEST_CHECKPOINT
#define EJECT BH_REQUEST_EJECT
#define LOCK BH_REQUEST_LOCK
#define UNLOCK BH_REQUEST_UNLOCK

static struct bh_request *add(struct bh_requests *requests,
                              enum bh_request_kind kind, uint32_t lsn)
{
    return bh_requests_add(
        requests, &(struct bh_request){.kind = kind, .lsn = lsn, .count = 1});
}

static void conflicts_are_those_that_a_write_makes(void **state)
{
    static const struct {
        enum bh_request_kind older;
        uint32_t older_lsn;
        enum bh_request_kind younger;
        uint32_t younger_lsn;
        int waits;
    } rows[] = {
        {READ, 5, READ, 5, 0},        {READ, 5, WRITE, 5, 1},
        {WRITE, 5, READ, 5, 1},       {WRITE, 5, WRITE, 5, 1},
        {READ, 5, WRITE, 6, 0},       {WRITE, 5, READ, 6, 0},
        {WRITE, 5, WRITE, 6, 0},      {WRITE, 5, FLUSH, 0, 1},
        {READ, 0, FLUSH, 0, 0},       {FLUSH, 0, FLUSH, 0, 0},
        {FLUSH, 0, WRITE, 0, 0},      {FLUSH, 0, READ, 0, 0},
        {IDENTIFY, 0, WRITE, 0, 1},   {WRITE, 0, IDENTIFY, 0, 1},
        {READ, 0, IDENTIFY, 0, 1},    {IDENTIFY, 0, READ, 0, 1},
        {FLUSH, 0, EJECT, 0, 1},      {EJECT, 0, FLUSH, 0, 1},
        {LOCK, 0, UNLOCK, 0, 1},      {UNLOCK, 0, READ, 0, 1},
        {CHECKSUM, 5, WRITE, 5, 1},   {WRITE, 5, CHECKSUM, 5, 1},
        {TRIM, 5, READ, 5, 1},        {TRIM, 5, FLUSH, 0, 1},
        {TRIM, 5, CHECKSUM, 6, 0},    {READ, 5, CHECKSUM, 5, 0},
        {WRITE, 5, CHECKPOINT, 0, 1}, {CHECKPOINT, 0, WRITE, 5, 1},
        {CHECKPOINT, 0, TRIM, 5, 1},  {CHECKPOINT, 0, READ, 0, 0},
        {CHECKPOINT, 0, FLUSH, 0, 0},
    };
    struct bh_requests requests;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bh_requests_init(&requests);
        add(&requests, rows[i].older, rows[i].older_lsn);
        add(&requests, rows[i].younger, rows[i].younger_lsn);
        assert_false(bh_requests_must_wait(&requests, 0));
        assert_int_equal(bh_requests_must_wait(&requests, 1), rows[i].waits);
        bh_requests_end(&requests, bh_requests_at(&requests, 0));
        assert_false(bh_requests_must_wait(&requests, 1));
    }
}

static void requests_for_many_sectors_conflict_where_they_overlap(void **state)
{
    static const struct {
        uint32_t older_lsn, older_count, younger_lsn, younger_count;
        int waits;
    } rows[] = {
        {5, 3, 8, 2, 0},          {5, 4, 8, 2, 1}, {8, 2, 5, 3, 0},
        {8, 2, 5, 4, 1},          {5, 9, 7, 1, 1}, {7, 1, 5, 9, 1},
        {UINT32_MAX, 1, 0, 9, 0},
    };
    struct bh_requests requests;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bh_requests_init(&requests);
        add(&requests, WRITE, rows[i].older_lsn)->count = rows[i].older_count;
        add(&requests, READ, rows[i].younger_lsn)->count =
            rows[i].younger_count;
        assert_int_equal(bh_requests_must_wait(&requests, 1), rows[i].waits);
    }
}

static void younger_ones_pass_what_they_have_nothing_to_do_with(void **state)
{
    struct bh_requests requests;

    (void)state;
    bh_requests_init(&requests);
    add(&requests, WRITE, 1);
    add(&requests, WRITE, 1);
    add(&requests, READ, 2);
    add(&requests, READ, 1);
    assert_true(bh_requests_must_wait(&requests, 1));
    assert_false(bh_requests_must_wait(&requests, 2));
    bh_requests_remove(&requests, 0);
    assert_false(bh_requests_must_wait(&requests, 0));
    assert_true(bh_requests_must_wait(&requests, 2)); /* the second WRITE */
}

/* Removed from anywhere, in every pattern: the others keep their order. */
static void order_is_that_of_the_start(void **state)
{
    struct bh_requests requests;
    uint32_t next = 0, expected[BH_REQUESTS_MAX];
    unsigned i, turn, place, count = 0;

    (void)state;
    bh_requests_init(&requests);
    for (turn = 0; turn < 5000; turn++) {
        if (turn % 3 != 2 && count < BH_REQUESTS_MAX) {
            expected[count++] = next;
            add(&requests, READ, next++);
        } else if (count > 0) {
            place = turn * 7 % count;
            bh_requests_remove(&requests, place);
            for (i = place, count--; i < count; i++)
                expected[i] = expected[i + 1];
        }
        assert_int_equal(requests.count, count);
        for (i = 0; i < count; i++)
            assert_int_equal(bh_requests_look(&requests, i)->lsn, expected[i]);
    }
    assert_int_equal(requests.over, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conflicts_are_those_that_a_write_makes),
        cmocka_unit_test(requests_for_many_sectors_conflict_where_they_overlap),
        cmocka_unit_test(younger_ones_pass_what_they_have_nothing_to_do_with),
        cmocka_unit_test(order_is_that_of_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
