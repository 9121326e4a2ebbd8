/* SPDX-License-Identifier: MIT */
#include "core/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct bh_table_shape shapes[BH_TABLE_KINDS] = {
    {3, 16}, {5, 8}, {1, 64}, {0, 8}, {2, 24}};

struct memory {
    struct bh_table table;
    uint8_t *bytes;
    size_t len;
    uint8_t owner[24];
};

static int set_up(void **state)
{
    struct memory *memory = calloc(1, sizeof *memory);

    memory->len = bh_table_size(shapes);
    memory->bytes = calloc(1, memory->len);
    memory->owner[0] = 77;
    bh_table_open(&memory->table, shapes, memory->bytes, memory->owner);
    *state = memory;
    return 0;
}

static int tear_down(void **state)
{
    struct memory *memory = *state;

    free(memory->bytes);
    free(memory);
    return 0;
}

static void store(struct memory *memory, unsigned kind, uint32_t slot,
                  uint8_t fill)
{
    _Alignas(8) uint8_t content[64];

    memset(content, fill, sizeof content);
    bh_table_store(&memory->table, kind, slot, content);
}

/* The fill of a slot's content; 0: never stored. */
static uint8_t found(const struct bh_table *table, unsigned kind, uint32_t slot)
{
    const uint8_t *content = bh_table_find(table, kind, slot);

    return content == NULL ? 0 : content[0];
}

static enum bh_table_state check(const struct memory *memory)
{
    return bh_table_check(shapes, memory->bytes);
}

/* What another server finds. */
static struct bh_table reopen(struct memory *memory)
{
    struct bh_table table;

    bh_table_open(&table, shapes, memory->bytes, memory->owner);
    return table;
}

static void new_memory_is_empty(void **state)
{
    struct memory *memory = *state;
    uint8_t *zero = calloc(1, memory->len);

    assert_int_equal(bh_table_check(shapes, zero), BH_TABLE_EMPTY);
    assert_int_equal(check(memory), BH_TABLE_GOOD);
    assert_null(bh_table_find(&memory->table, 0, 0));
    free(zero);
}

static void what_was_stored_last_is_found_by_the_next_server(void **state)
{
    struct memory *memory = *state;
    struct bh_table table;

    for (uint8_t fill = 1; fill < 8; fill++) {
        store(memory, 0, 2, fill);
        store(memory, 4, 1, (uint8_t)(fill + 100));
        table = reopen(memory);
        assert_int_equal(found(&table, 0, 2), fill);
        assert_int_equal(found(&table, 4, 1), fill + 100);
        assert_int_equal(found(&table, 0, 1), 0);
    }
}

static void the_next_server_stores_on(void **state)
{
    struct memory *memory = *state;

    store(memory, 0, 0, 1);
    store(memory, 0, 0, 2);
    memory->table = reopen(memory);
    store(memory, 0, 0, 3);
    memory->table = reopen(memory);
    assert_int_equal(found(&memory->table, 0, 0), 3);
}

static void the_owner_stays(void **state)
{
    struct memory *memory = *state;
    uint8_t other[24] = {12};
    struct bh_table table;

    bh_table_open(&table, shapes, memory->bytes, other);
    assert_memory_equal(other, memory->owner, sizeof other);
}

static void nothing_is_kept_without_memory(void **state)
{
    struct bh_table table = {0};
    _Alignas(8) uint8_t content[16] = {1};

    (void)state;
    bh_table_store(&table, 0, 0, content);
    assert_null(bh_table_find(&table, 0, 0));
}

/* A store that a kill has cut short: the bytes of the new record are there up
 * to `count`, whatever the order they were stored in. */
static void tear(struct memory *memory, const uint8_t *before, uint64_t place,
                 size_t count)
{
    size_t seen = 0;

    for (size_t i = sizeof(struct bh_table_head); i < memory->len; i++)
        if (memory->bytes[i] != before[i] && seen++ >= count)
            memory->bytes[i] = before[i];
    memory->table.head->storing = place;
}

static void a_store_cut_short_was_never_made(void **state)
{
    struct memory *memory = *state;
    uint8_t *before = malloc(memory->len), *after = malloc(memory->len);
    bool done = false;

    store(memory, 2, 0, 11);
    store(memory, 2, 0, 22);
    memcpy(before, memory->bytes, memory->len);
    store(memory, 2, 0, 33);
    memcpy(after, memory->bytes, memory->len);
    for (size_t count = 0; !done; count++) {
        struct bh_table table;

        memcpy(memory->bytes, after, memory->len);
        tear(memory, before, 1 + 3 + 5, count);
        memory->table.head->storing = 1 + 3 + 5;
        done = memcmp(memory->bytes + sizeof(struct bh_table_head),
                      after + sizeof(struct bh_table_head),
                      memory->len - sizeof(struct bh_table_head)) == 0;
        assert_int_equal(check(memory), BH_TABLE_GOOD);
        table = reopen(memory);
        assert_int_equal(found(&table, 2, 0), done ? 33 : 22);
        assert_int_equal(check(memory), BH_TABLE_GOOD);
    }
    free(before);
    free(after);
}

static void a_first_store_cut_short_leaves_nothing(void **state)
{
    struct memory *memory = *state;

    memory->table.marks[-1] = 5; /* of kind 4, slot 1 */
    assert_int_equal(check(memory), BH_TABLE_DAMAGED);
    memory->table.head->storing = 1 + 3 + 5 + 1 + 0 + 1;
    assert_int_equal(check(memory), BH_TABLE_GOOD);
    memory->table = reopen(memory);
    assert_null(bh_table_find(&memory->table, 4, 1));
    assert_int_equal(check(memory), BH_TABLE_GOOD);
}

/* Every byte but those of `storing`, with which nothing is lost. */
static void a_flipped_byte_is_noticed(void **state)
{
    struct memory *memory = *state;
    size_t storing = offsetof(struct bh_table_head, storing);

    for (uint32_t slot = 0; slot < 3; slot++)
        for (uint8_t fill = 1; fill <= slot; fill++)
            store(memory, 0, slot, fill);
    for (size_t at = 0; at < memory->len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            enum bh_table_state state_now;

            memory->bytes[at] ^= (uint8_t)(1 << bit);
            state_now = check(memory);
            if (at >= storing && at < storing + 8)
                assert_int_equal(state_now, BH_TABLE_GOOD);
            else if (at < 8)
                assert_int_equal(state_now, BH_TABLE_FOREIGN);
            else
                assert_int_equal(state_now, BH_TABLE_DAMAGED);
            memory->bytes[at] ^= (uint8_t)(1 << bit);
        }
    }
    assert_int_equal(check(memory), BH_TABLE_GOOD);
}

static void a_record_from_elsewhere_is_noticed(void **state)
{
    struct memory *memory = *state;
    uint8_t *slots = memory->bytes + sizeof(struct bh_table_head);

    store(memory, 0, 0, 9);
    memcpy(slots + 2 * 32, slots, 32); /* to the next slot */
    assert_int_equal(check(memory), BH_TABLE_DAMAGED);
}

static void another_shape_is_foreign(void **state)
{
    struct memory *memory = *state;
    struct bh_table_shape other[BH_TABLE_KINDS];

    memcpy(other, shapes, sizeof other);
    other[0].count = 2;
    assert_int_equal(bh_table_check(other, memory->bytes), BH_TABLE_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_memory_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_was_stored_last_is_found_by_the_next_server, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(the_next_server_stores_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_owner_stays, set_up, tear_down),
        cmocka_unit_test(nothing_is_kept_without_memory),
        cmocka_unit_test_setup_teardown(a_store_cut_short_was_never_made,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_first_store_cut_short_leaves_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flipped_byte_is_noticed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_from_elsewhere_is_noticed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_shape_is_foreign, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
