/* SPDX-License-Identifier: MIT */
#include "register.h"

#include "granule.h"

#include <stddef.h>

void reg_reset(struct reg *reg, uint64_t value, uint64_t stamp)
{
    reg->count = 1;
    reg->of[0] = (struct cluster){value, stamp, stamp, stamp};
    reg->durable = value;
}

static struct cluster *find(struct reg *reg, uint64_t value)
{
    for (uint32_t i = reg->count; i-- > 0;)
        if (reg->of[i].value == value)
            return &reg->of[i];
    return NULL;
}

/* Counts at all: acknowledged, or read. */
static bool definite(const struct cluster *c)
{
    return c->finish != STAMP_NEVER;
}

/* Whether no read that ends from now on may return `c`. */
static bool obsolete(const struct reg *reg, const struct cluster *c,
                     uint64_t oldest)
{
    uint64_t finish = c->finish < c->limit ? c->finish : c->limit;

    for (uint32_t i = 0; i < reg->count; i++) {
        const struct cluster *d = &reg->of[i];

        if (d != c && definite(d) && d->start > finish && d->finish < oldest)
            return true;
    }
    return false;
}

/* All are judged before the first of them goes. */
static void prune(struct reg *reg, uint64_t stamp)
{
    uint64_t oldest = reg->reads > 0 ? reg->since : stamp;
    uint32_t gone = 0, kept = 0;

    for (uint32_t i = 0; i < reg->count; i++)
        gone |= (uint32_t)obsolete(reg, &reg->of[i], oldest) << i;
    if (gone == 0)
        return;
    for (uint32_t i = 0; i < reg->count; i++)
        if ((gone >> i & 1) == 0)
            reg->of[kept++] = reg->of[i];
    reg->count = kept;
}

bool reg_write_began(struct reg *reg, uint64_t value, uint64_t stamp)
{
    if (reg->count > 2)
        prune(reg, stamp);
    if (reg->count == REGISTER_CLUSTERS)
        return false;
    reg->of[reg->count++] =
        (struct cluster){value, stamp, STAMP_NEVER, STAMP_NEVER};
    return true;
}

bool reg_write_again(struct reg *reg, uint64_t value, uint64_t stamp)
{
    struct cluster *c = find(reg, value);

    if (c == NULL)
        return reg_write_began(reg, value, stamp);
    c->limit = STAMP_NEVER;
    return true;
}

static const char *check(const struct reg *reg, const struct cluster *c)
{
    for (uint32_t i = 0; i < reg->count; i++) {
        const struct cluster *d = &reg->of[i];

        if (d != c && c->finish < d->start && d->finish < c->start)
            return d->finish < c->finish
                       ? "a sector went back to an older state"
                       : "a write was lost or came back";
    }
    return NULL;
}

static void finish_at(struct cluster *c, uint64_t stamp)
{
    if (stamp > c->limit)
        stamp = c->limit;
    if (stamp < c->finish)
        c->finish = stamp;
}

const char *reg_write_done(struct reg *reg, uint64_t value, uint64_t stamp)
{
    struct cluster *c = find(reg, value);

    if (c == NULL) /* forgotten after it was read: then it was superseded */
        return NULL;
    finish_at(c, stamp);
    return check(reg, c);
}

const char *reg_write_refused(struct reg *reg, uint64_t value)
{
    struct cluster *c = find(reg, value);

    if (c == NULL || definite(c))
        return "a write that was refused was carried out";
    *c = reg->of[--reg->count];
    return NULL;
}

void reg_write_limit(struct reg *reg, uint64_t value, uint64_t stamp)
{
    struct cluster *c = find(reg, value);

    if (c != NULL && stamp < c->limit)
        c->limit = stamp;
}

void reg_limit_all(struct reg *reg, uint64_t values, uint64_t stamp)
{
    for (uint32_t i = 0; i < reg->count; i++)
        if (reg->of[i].value >> 8 <= values && stamp - 1 < reg->of[i].limit)
            reg->of[i].limit = stamp - 1;
}

/* Only zeros may have been there before: then they are taken for these. */
void reg_replace(struct reg *reg, uint64_t value, uint64_t stamp)
{
    struct cluster *c = find(reg, value);

    if (c == NULL)
        c = &reg->of[reg->count++];
    *c = (struct cluster){value, stamp, stamp, stamp};
    reg->durable = value == VALUE_ZEROS ? VALUE_INITIAL : value;
    prune(reg, stamp);
}

bool reg_is_certain(const struct reg *reg)
{
    for (uint32_t i = 0; i < reg->count; i++)
        if (!definite(&reg->of[i]))
            return false;
    return true;
}

void reg_read_began(struct reg *reg, uint64_t stamp)
{
    if (reg->reads++ == 0)
        reg->since = stamp;
}

void reg_read_given_up(struct reg *reg)
{
    reg->reads--;
}

/* A mixture may be read while a write is, or may be, half done. */
static struct cluster *torn(struct reg *reg, uint64_t value, uint64_t began)
{
    bool possible = false;

    for (uint32_t i = 0; i < reg->count; i++)
        possible |= reg->of[i].finish > began;
    if (!possible || reg->count == REGISTER_CLUSTERS)
        return NULL;
    reg->of[reg->count] =
        (struct cluster){value, began, STAMP_NEVER, STAMP_NEVER};
    return &reg->of[reg->count++];
}

const char *reg_read_done(struct reg *reg, uint64_t value, uint64_t began,
                          uint64_t stamp)
{
    struct cluster *c = find(reg, value);
    const char *wrong;

    if (c == NULL && (value & VALUE_TORN) != 0)
        c = torn(reg, value, began);
    if (c == NULL)
        return (value & VALUE_TORN) != 0
                   ? "a sector holds a mixture of two states"
                   : "a sector holds what is obsolete or was never written";
    finish_at(c, stamp);
    if (began > c->start)
        c->start = began;
    wrong = check(reg, c);
    reg->reads--;
    if (reg->count > 1)
        prune(reg, stamp);
    return wrong;
}
