/* SPDX-License-Identifier: MIT */
#include "volume/nbd_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct bh_nbd_queue queue;
static struct bh_job jobs[8];

static int set_up(void **state)
{
    (void)state;
    bh_nbd_queue_init(&queue);
    queue.keeps_log = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bh_nbd_queue_done(&queue);
    return 0;
}

/* A request of job `job`, which waits until 1000 + job. */
static struct bh_nbd_request *add(uint8_t kind, uint64_t offset, uint32_t len,
                                  unsigned job)
{
    struct bh_nbd_request *request = bh_nbd_request_new(kind, offset, len, 512);

    assert_non_null(request);
    request->job = &jobs[job];
    request->due_ms = 1000 + job;
    bh_nbd_queue_add(&queue, request);
    return request;
}

static struct bh_nbd_request *next(void)
{
    return bh_nbd_queue_next(&queue);
}

static void answer(struct bh_nbd_request *request)
{
    bh_nbd_queue_answered(&queue, request, 0);
}

/* A WRITE that is in the log. */
static struct bh_nbd_request *written(uint64_t offset)
{
    struct bh_nbd_request *request = add(BH_NBD_WRITE, offset, 512, 0);

    assert_ptr_equal(next(), request);
    answer(request);
    return request;
}

static void requests_reach_to_the_borders_of_blocks(void **state)
{
    struct bh_nbd_request *request =
        bh_nbd_request_new(BH_NBD_WRITE, 1000, 100, 512);

    (void)state;
    assert_int_equal(request->first, 512);
    assert_int_equal(request->end, 1536);
    assert_false(bh_nbd_request_is_whole(request));
    assert_ptr_equal(request->own, request->data + 1024); /* read beside it */
    bh_nbd_request_free(request);
    request = bh_nbd_request_new(BH_NBD_READ, 1000, 100, 512);
    assert_ptr_equal(request->own, request->data + 488);
    bh_nbd_request_free(request);
    request = bh_nbd_request_new(BH_NBD_ZERO, 1024, 512, 1);
    assert_int_equal(request->first, 1024);
    assert_int_equal(request->end, 1536);
    assert_null(request->data);
    assert_true(bh_nbd_request_is_whole(request));
    assert_int_equal(bh_nbd_request_spell_out(request), 0);
    assert_int_equal(request->kind, BH_NBD_WRITE);
    assert_ptr_equal(request->own, request->data);
    assert_int_equal(request->data[511], 0);
    bh_nbd_request_free(request);
}

static void what_does_not_overlap_is_sent_together(void **state)
{
    struct bh_nbd_request *a, *b, *c, *d;

    (void)state;
    a = add(BH_NBD_WRITE, 0, 512, 0);
    b = add(BH_NBD_WRITE, 512, 512, 1);
    c = add(BH_NBD_READ, 1024, 512, 2);
    d = add(BH_NBD_READ, 1024, 512, 3);
    assert_ptr_equal(next(), a);
    assert_ptr_equal(next(), b);
    assert_ptr_equal(next(), c);
    assert_ptr_equal(next(), d);
    assert_null(next());
}

/* Two sectors of 128 bytes in one block of 512 are one to the server. */
static void what_shares_a_block_waits(void **state)
{
    struct bh_nbd_request *a, *b, *c;

    (void)state;
    a = add(BH_NBD_WRITE, 0, 128, 0);
    b = add(BH_NBD_WRITE, 128, 128, 1);
    c = add(BH_NBD_READ, 256, 128, 2);
    assert_ptr_equal(next(), a);
    assert_null(next());
    answer(a);
    assert_ptr_equal(next(), b);
    assert_null(next());
    answer(b);
    assert_ptr_equal(next(), c);
}

static void no_more_than_the_most_is_sent(void **state)
{
    struct bh_nbd_request *first;

    (void)state;
    for (unsigned i = 0; i <= BH_NBD_SENT_MAX; i++)
        add(BH_NBD_READ, i * 512, 512, 0);
    first = next();
    for (unsigned i = 1; i < BH_NBD_SENT_MAX; i++)
        assert_non_null(next());
    assert_null(next());
    answer(first);
    assert_non_null(next());
    assert_null(next());
}

static void a_flush_frees_what_was_answered_before_it_was_sent(void **state)
{
    struct bh_nbd_request *flush, *late;

    (void)state;
    written(0);
    written(512);
    late = add(BH_NBD_WRITE, 1024, 512, 0);
    flush = add(BH_NBD_FLUSH, 0, 0, 1);
    assert_ptr_equal(next(), late);
    assert_ptr_equal(next(), flush);
    answer(late);
    assert_int_equal(queue.log_count, 3);
    assert_int_equal(queue.log_bytes, 3 * 512);
    answer(flush);
    assert_int_equal(queue.log_count, 1);
    assert_int_equal(queue.log_bytes, 512);
}

static void a_lost_connection_brings_the_log_back(void **state)
{
    struct bh_nbd_request *old, *sent, *waiting, *read, *flush;

    (void)state;
    old = written(0);
    sent = add(BH_NBD_WRITE, 0, 512, 0);
    waiting = add(BH_NBD_WRITE, 0, 512, 1);
    read = add(BH_NBD_READ, 0, 512, 2);
    flush = add(BH_NBD_FLUSH, 0, 0, 3);
    assert_ptr_equal(next(), sent);
    assert_ptr_equal(next(), flush);
    assert_int_equal(bh_nbd_queue_lost(&queue), 3);
    assert_int_equal(queue.log_count, 0);
    assert_ptr_equal(next(), old); /* and the FLUSH waits for it */
    assert_null(next());
    answer(old);
    assert_int_equal(queue.log_count, 1);
    assert_ptr_equal(next(), sent);
    assert_ptr_equal(next(), flush);
    assert_int_equal(flush->covers, 1);
    answer(sent);
    assert_ptr_equal(next(), waiting);
    answer(waiting);
    assert_ptr_equal(next(), read);
}

/* Twice in a row, also in the midst of it. */
static void what_is_sent_again_can_be_lost_again(void **state)
{
    struct bh_nbd_request *a, *b;

    (void)state;
    a = written(0);
    b = written(0);
    bh_nbd_queue_lost(&queue);
    assert_ptr_equal(next(), a);
    answer(a);
    assert_ptr_equal(next(), b);
    bh_nbd_queue_lost(&queue);
    assert_ptr_equal(next(), a);
    assert_null(next());
    answer(a);
    assert_ptr_equal(next(), b);
    answer(b);
    assert_int_equal(queue.log_count, 2);
    assert_int_equal(queue.lost, 0);
}

static void what_was_told_and_cannot_be_done_again_is_lost(void **state)
{
    struct bh_nbd_request *old = written(0);

    (void)state;
    bh_nbd_queue_lost(&queue);
    assert_ptr_equal(next(), old);
    bh_nbd_queue_answered(&queue, old, -EIO);
    assert_int_equal(queue.lost, -EIO);
}

static void a_failed_write_is_not_kept(void **state)
{
    struct bh_nbd_request *request = add(BH_NBD_WRITE, 0, 512, 0);

    (void)state;
    assert_ptr_equal(next(), request);
    bh_nbd_queue_answered(&queue, request, -EIO);
    assert_int_equal(queue.log_count, 0);
    assert_int_equal(queue.lost, 0);
}

static void a_failed_flush_is_a_loss(void **state)
{
    struct bh_nbd_request *flush = add(BH_NBD_FLUSH, 0, 0, 0);

    (void)state;
    assert_ptr_equal(next(), flush);
    bh_nbd_queue_answered(&queue, flush, -ENOSPC);
    assert_int_equal(queue.lost, -ENOSPC);
}

static void without_a_log_nothing_is_kept(void **state)
{
    (void)state;
    queue.keeps_log = false;
    written(0);
    assert_int_equal(queue.log_count, 0);
    assert_int_equal(bh_nbd_queue_lost(&queue), 0);
}

static void what_waits_too_long_is_given_up(void **state)
{
    struct bh_nbd_request *sent, *waiting;

    (void)state;
    sent = add(BH_NBD_WRITE, 0, 512, 0);
    waiting = add(BH_NBD_READ, 0, 512, 1);
    assert_ptr_equal(next(), sent);
    assert_int_equal(bh_nbd_queue_deadline(&queue), 1000);
    assert_null(bh_nbd_queue_expire(&queue, 999));
    assert_ptr_equal(bh_nbd_queue_expire(&queue, 1000), &jobs[0]);
    assert_null(bh_nbd_queue_expire(&queue, 1000));
    assert_null(next()); /* it may still be carried out */
    assert_ptr_equal(bh_nbd_queue_expire(&queue, 1001), &jobs[1]);
    assert_int_equal(bh_nbd_queue_deadline(&queue), UINT64_MAX);
    waiting = add(BH_NBD_READ, 0, 512, 2);
    assert_null(next());
    answer(sent); /* nobody was told: it is not kept */
    assert_int_equal(queue.log_count, 0);
    assert_ptr_equal(next(), waiting);
}

static void what_was_given_up_is_not_sent_again(void **state)
{
    struct bh_nbd_request *request = add(BH_NBD_WRITE, 0, 512, 0);

    (void)state;
    assert_ptr_equal(next(), request);
    assert_non_null(bh_nbd_queue_expire(&queue, 1000));
    assert_int_equal(bh_nbd_queue_lost(&queue), 0);
    assert_null(next());
}

static void a_flush_that_is_given_up_goes_on(void **state)
{
    struct bh_nbd_request *flush;

    (void)state;
    written(0);
    flush = add(BH_NBD_FLUSH, 0, 0, 0);
    assert_ptr_equal(bh_nbd_queue_expire(&queue, 1000), &jobs[0]);
    assert_ptr_equal(next(), flush);
    answer(flush);
    assert_int_equal(queue.log_count, 0);
}

static void a_full_log_holds_changes_back_until_a_flush(void **state)
{
    struct bh_nbd_request *flush, *write, *read;

    (void)state;
    for (unsigned i = 0; i < BH_NBD_LOG_MAX / 2; i++) {
        assert_false(bh_nbd_queue_wants_flush(&queue));
        written(0);
    }
    assert_true(bh_nbd_queue_wants_flush(&queue));
    flush = add(BH_NBD_FLUSH, 0, 0, 0);
    assert_false(bh_nbd_queue_wants_flush(&queue));
    assert_ptr_equal(next(), flush);
    for (unsigned i = 0; i < BH_NBD_LOG_MAX / 2; i++)
        written(0);
    write = add(BH_NBD_WRITE, 0, 512, 1);
    read = add(BH_NBD_READ, 512, 512, 2);
    assert_ptr_equal(next(), read);
    assert_null(next());
    answer(flush);
    assert_ptr_equal(next(), write);
    assert_int_equal(queue.log_count, BH_NBD_LOG_MAX / 2);
}

/* A change before the FLUSH does not wait for it, nor the FLUSH for that. */
static void a_full_log_is_no_circle(void **state)
{
    struct bh_nbd_request *first, *second, *flush;

    (void)state;
    for (unsigned i = 1; i < BH_NBD_LOG_MAX; i++)
        written(512);
    first = add(BH_NBD_WRITE, 0, 512, 0);
    second = add(BH_NBD_WRITE, 0, 512, 1);
    flush = add(BH_NBD_FLUSH, 0, 0, 2);
    assert_ptr_equal(next(), first);
    assert_ptr_equal(next(), flush);
    answer(first);
    assert_int_equal(queue.log_count, BH_NBD_LOG_MAX);
    assert_ptr_equal(next(), second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(requests_reach_to_the_borders_of_blocks),
        TEST(what_does_not_overlap_is_sent_together),
        TEST(what_shares_a_block_waits),
        TEST(no_more_than_the_most_is_sent),
        TEST(a_flush_frees_what_was_answered_before_it_was_sent),
        TEST(a_lost_connection_brings_the_log_back),
        TEST(what_is_sent_again_can_be_lost_again),
        TEST(what_was_told_and_cannot_be_done_again_is_lost),
        TEST(a_failed_write_is_not_kept),
        TEST(a_failed_flush_is_a_loss),
        TEST(without_a_log_nothing_is_kept),
        TEST(what_waits_too_long_is_given_up),
        TEST(what_was_given_up_is_not_sent_again),
        TEST(a_flush_that_is_given_up_goes_on),
        TEST(a_full_log_holds_changes_back_until_a_flush),
        TEST(a_full_log_is_no_circle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
