/* SPDX-License-Identifier: MIT */
#include "core/table.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static const uint8_t magic[8] = {'B', 'L', 'K', 'H', 'T', 'A', 'B', '\n'};

/* No store moves across it. A signal sees what the program has done up to some
 * instruction, and so does whoever comes after a kill. */
static void fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static size_t record_len(const struct bh_table_shape *shape)
{
    return sizeof(struct bh_record) + shape->len;
}

static size_t area_len(const struct bh_table_shape *shape)
{
    return 2 * (size_t)shape->count * record_len(shape);
}

size_t bh_table_size(const struct bh_table_shape shapes[BH_TABLE_KINDS])
{
    size_t size = sizeof(struct bh_table_head);

    for (unsigned kind = 0; kind < BH_TABLE_KINDS; kind++)
        size += area_len(&shapes[kind]);
    return size + shapes[0].count;
}

/* Finds one's way around `memory`; looks at nothing in it. */
static void lay_out(struct bh_table *table,
                    const struct bh_table_shape shapes[BH_TABLE_KINDS],
                    void *memory)
{
    uint8_t *at = memory;
    uint32_t slots = 0;

    memset(table, 0, sizeof *table);
    table->head = memory;
    at += sizeof *table->head;
    for (unsigned kind = 0; kind < BH_TABLE_KINDS; kind++) {
        table->areas[kind] = at;
        table->firsts[kind] = slots;
        at += area_len(&shapes[kind]);
        slots += shapes[kind].count;
    }
    table->marks = at;
}

static struct bh_record *record_at(const struct bh_table *table,
                                   const struct bh_table_shape *shape,
                                   unsigned kind, uint32_t slot, unsigned copy)
{
    size_t index = (size_t)copy * shape->count + slot;

    return (void *)(table->areas[kind] + index * record_len(shape));
}

static uint64_t place_of(const struct bh_table *table, unsigned kind,
                         uint32_t slot)
{
    return 1u + (uint64_t)table->firsts[kind] + slot;
}

/* Each step can be undone, so that two contents which differ in one word never
 * have the same check. Nobody hostile writes here: it need not be more than
 * that, and it is made with each request. */
static uint64_t mix(uint64_t check, uint64_t word)
{
    check = (check ^ word) * 0x9E3779B97F4A7C15u;
    return check ^ check >> 32;
}

static uint64_t check_begin(uint64_t place, uint64_t stamp)
{
    return mix(mix(0, place), stamp);
}

static uint64_t check_of(uint64_t place, uint64_t stamp, const void *content,
                         size_t len)
{
    uint64_t check = check_begin(place, stamp);
    const uint64_t *at = content;

    for (size_t i = 0; i < len / sizeof *at; i++)
        check = mix(check, at[i]);
    return check;
}

/* Copies a content, and goes on with its check. */
static uint64_t copy(void *to, const void *from, size_t len, uint64_t check)
{
    const uint64_t *in = from;
    uint64_t *out = to;

    for (size_t i = 0; i < len / sizeof *in; i++) {
        out[i] = in[i];
        check = mix(check, in[i]);
    }
    return check;
}

static uint64_t head_check(const struct bh_table_head *head)
{
    return check_of(0, 0, head, offsetof(struct bh_table_head, check));
}

static bool is_zero(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

/* Whether a record is as a store leaves it, or was never stored. */
static bool is_good(const struct bh_table_shape *shape, uint64_t place,
                    const struct bh_record *record)
{
    if (record->stamp == 0)
        return is_zero(record, record_len(shape));
    return record->check ==
           check_of(place, record->stamp, record + 1, shape->len);
}

/* Whether every record of a slot is good but one that is being written, and
 * then not both: the older one stays as it was. */
static bool slot_is_good(const struct bh_table *table,
                         const struct bh_table_shape *shape, unsigned kind,
                         uint32_t slot)
{
    uint64_t place = place_of(table, kind, slot);
    int good = 0;

    for (unsigned copy = 0; copy < 2; copy++)
        good +=
            is_good(shape, place, record_at(table, shape, kind, slot, copy));
    return good == 2 || (good == 1 && table->head->storing == place);
}

static bool marks_are_good(const struct bh_table *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (table->marks[i] != 0 && table->marks[i] != BH_TABLE_MARK)
            return false;
    return true;
}

static enum bh_table_state
check_head(const struct bh_table_shape shapes[BH_TABLE_KINDS],
           const struct bh_table_head *head)
{
    if (memcmp(head->magic, magic, sizeof magic) != 0)
        return BH_TABLE_FOREIGN;
    if (head->check != head_check(head))
        return BH_TABLE_DAMAGED;
    if (head->version != BH_TABLE_VERSION ||
        memcmp(head->shapes, shapes, sizeof head->shapes) != 0)
        return BH_TABLE_FOREIGN;
    return BH_TABLE_GOOD;
}

enum bh_table_state
bh_table_check(const struct bh_table_shape shapes[BH_TABLE_KINDS],
               const void *memory)
{
    struct bh_table table;
    enum bh_table_state state;

    if (is_zero(memory, bh_table_size(shapes)))
        return BH_TABLE_EMPTY;
    lay_out(&table, shapes, (void *)(uintptr_t)memory); /* only to look */
    state = check_head(shapes, table.head);
    if (state != BH_TABLE_GOOD)
        return state;
    for (unsigned kind = 0; kind < BH_TABLE_KINDS; kind++)
        for (uint32_t slot = 0; slot < shapes[kind].count; slot++)
            if (!slot_is_good(&table, &shapes[kind], kind, slot))
                return BH_TABLE_DAMAGED;
    return marks_are_good(&table, shapes[0].count) ? BH_TABLE_GOOD
                                                   : BH_TABLE_DAMAGED;
}

static void begin(struct bh_table_head *head,
                  const struct bh_table_shape shapes[BH_TABLE_KINDS],
                  const uint8_t owner[24])
{
    memcpy(head->owner, owner, sizeof head->owner);
    memcpy(head->shapes, shapes, sizeof head->shapes);
    head->version = BH_TABLE_VERSION;
    memcpy(head->magic, magic, sizeof magic);
    head->check = head_check(head);
}

/* What a kill has left half written was never stored; and stamps go on. */
static void take_over(struct bh_table *table)
{
    const struct bh_table_shape *shapes = table->head->shapes;

    for (unsigned kind = 0; kind < BH_TABLE_KINDS; kind++) {
        for (uint32_t i = 0; i < 2 * shapes[kind].count; i++) {
            struct bh_record *record =
                record_at(table, &shapes[kind], kind, i / 2, i % 2);

            if (!is_good(&shapes[kind], place_of(table, kind, i / 2), record))
                memset(record, 0, record_len(&shapes[kind]));
            if (record->stamp > table->stamp)
                table->stamp = record->stamp;
        }
    }
    fence();
    table->head->storing = 0;
    fence();
}

void bh_table_open(struct bh_table *table,
                   const struct bh_table_shape shapes[BH_TABLE_KINDS],
                   void *memory, uint8_t owner[24])
{
    lay_out(table, shapes, memory);
    if (table->head->version == 0)
        begin(table->head, shapes, owner);
    assert(check_head(shapes, table->head) == BH_TABLE_GOOD);
    memcpy(owner, table->head->owner, sizeof table->head->owner);
    take_over(table);
}

void bh_table_store(struct bh_table *table, unsigned kind, uint32_t slot,
                    const void *content)
{
    const struct bh_table_shape *shape;
    struct bh_record *first, *record;
    uint64_t place;

    if (table->head == NULL)
        return;
    shape = &table->head->shapes[kind];
    assert(slot < shape->count);
    place = place_of(table, kind, slot);
    first = record_at(table, shape, kind, slot, 0);
    record = record_at(table, shape, kind, slot, 1);
    if (first->stamp == 0 || first->stamp <= record->stamp)
        record = first; /* the older one */
    table->head->storing = place;
    fence();
    record->stamp = ++table->stamp;
    record->check = copy(record + 1, content, shape->len,
                         check_begin(place, record->stamp));
    fence();
    table->head->storing = 0;
    fence();
}

const void *bh_table_find(const struct bh_table *table, unsigned kind,
                          uint32_t slot)
{
    const struct bh_table_shape *shape;
    const struct bh_record *a, *b;

    if (table->head == NULL)
        return NULL;
    shape = &table->head->shapes[kind];
    a = record_at(table, shape, kind, slot, 0);
    b = record_at(table, shape, kind, slot, 1);
    if (a->stamp < b->stamp)
        a = b;
    return a->stamp == 0 ? NULL : a + 1;
}
