/* SPDX-License-Identifier: MIT */
/*
 * The oracle of one granule: a register that is linearisable or not.
 *
 * Every write has its own value, so that the operations on it, the write and
 * the reads that returned it, form a cluster. A cluster has
 *
 *     finish   the earliest end of any of them
 *     start    the latest beginning of any of them
 *
 * and a history is linearisable if and only if no two clusters A and B exist
 * with finish(A) < start(B) and finish(B) < start(A) (Gibbons and Korach, 1997,
 * with its two cases written as one), and no read ends before its write begins.
 * That is looked at whenever an operation ends.
 *
 * A write without an answer, or with one that says "perhaps", counts only once
 * it was read; `limit` is the moment from which on it can no longer take place.
 *
 * What a TRIM or ZERO leaves has a value of its own, too (granule.h), so that
 * as much can be refuted of it as of a WRITE. Bytes that an administrator
 * replaces are a write of one moment, before which all others have ended.
 *
 * A cluster is forgotten when every later read of it would be a violation, so
 * that a value that is not known is one.
 */
#ifndef BH_SIM_REGISTER_H
#define BH_SIM_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER_CLUSTERS 24u
#define STAMP_NEVER UINT64_MAX

struct cluster {
    uint64_t value;
    uint64_t start, finish, limit;
};

struct reg {
    struct cluster of[REGISTER_CLUSTERS];
    uint32_t count;
    uint32_t reads; /* under way */
    uint64_t since; /* no read that is under way began before this */
    uint64_t
        durable; /* value that a FLUSH has covered; VALUE_INITIAL at first */
};

/* From now on it holds `value`, whatever was before. */
void reg_reset(struct reg *reg, uint64_t value, uint64_t stamp);

/* False: too many writes whose end is not known. */
bool reg_write_began(struct reg *reg, uint64_t value, uint64_t stamp);

/* The same of one that may have been there before: it is carried out twice. */
bool reg_write_again(struct reg *reg, uint64_t value, uint64_t stamp);

/* The bytes are replaced at this moment. The writes up to number `values` are
 * settled: reg_limit_all() comes first. */
void reg_limit_all(struct reg *reg, uint64_t values, uint64_t stamp);
void reg_replace(struct reg *reg, uint64_t value, uint64_t stamp);

/* NULL, or what is wrong. */
const char *reg_write_done(struct reg *reg, uint64_t value, uint64_t stamp);
const char *reg_write_refused(struct reg *reg, uint64_t value);
void reg_write_limit(struct reg *reg, uint64_t value, uint64_t stamp);

/* Whether nothing is in doubt of what was written. */
bool reg_is_certain(const struct reg *reg);

void reg_read_began(struct reg *reg, uint64_t stamp);
void reg_read_given_up(struct reg *reg);
const char *reg_read_done(struct reg *reg, uint64_t value, uint64_t began,
                          uint64_t stamp);

#endif
