/* SPDX-License-Identifier: MIT */
/*
 * What the core asks the outside to do. The driver takes jobs with
 * bh_server_next_job(), does them in any order and on any thread, and hands
 * each back with bh_server_finish() on the core's own thread. Slow storage and
 * instant memory look alike.
 *
 * A job is owned by the driver from next_job to finish, and so is everything
 * that it points to.
 */
#ifndef BH_CORE_JOB_H
#define BH_CORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bh_job_kind {
    BH_JOB_LOOKUP, /* find the volume of a name */
    BH_JOB_ATTACH, /* open it, or change the lock that it is held with */
    BH_JOB_DETACH, /* close it */
    BH_JOB_READ,
    BH_JOB_WRITE,
    BH_JOB_ZERO,       /* make bytes zero */
    BH_JOB_CHECKSUM,   /* of bytes, and of zeros behind them */
    BH_JOB_CHECKPOINT, /* keep a copy of the medium as it is now */
    BH_JOB_SYNC,       /* make every finished WRITE stable */
    BH_JOB_SWAP        /* put another medium into a slot, or none */
};

/* What a volume's sessions may do, and against whom the file is locked. A
 * layer's writer changes nothing beneath it, and locks that as a reader. */
enum bh_access {
    BH_ACCESS_NONE,
    BH_ACCESS_LOOK,   /* reads, holds no lock */
    BH_ACCESS_READER, /* reads, keeps writers out */
    BH_ACCESS_WRITER  /* writes, keeps all others out */
};

enum bh_volume_mode {
    BH_MODE_EXCLUSIVE,
    BH_MODE_SHARED,
    BH_MODE_READ_ONLY,
    BH_MODE_SCRATCH
};
enum bh_takeover { BH_TAKEOVER_HOST, BH_TAKEOVER_ADDRESS, BH_TAKEOVER_NEVER };
enum bh_sync { BH_SYNC_FLUSH, BH_SYNC_WRITE };

#define BH_VOLUME_NAME_LEN 255u
#define BH_ANY_EXPONENT 0xFFu

/* All that the core knows of a volume. Two volumes are on one medium if device
 * and inode are the same and their byte ranges overlap. */
struct bh_volume_facts {
    uint64_t device, inode;
    uint64_t first;      /* byte of the medium where the volume begins */
    uint64_t byte_count; /* its length */
    uint64_t size_limit; /* at most so many bytes of the file; 0: all */
    uint64_t grow_limit; /* bytes that it may grow to; 0: it may not */
    uint64_t idle_ms;    /* silence after which others may take it; 0: never */
    uint64_t layer;      /* what one session writes over the medium; 0: none */
    uint32_t number;     /* in the catalogue; 0 for virtual volumes */
    uint32_t datagram_len; /* the longest that the peer's path carries */
    uint8_t mode;          /* enum bh_volume_mode */
    uint8_t takeover;      /* enum bh_takeover */
    uint8_t sync;          /* enum bh_sync */
    uint8_t exponent; /* the only sector size allowed, or BH_ANY_EXPONENT */
    bool roam;        /* sessions may move to another host */
    bool removable;   /* it is a slot, whose medium may change: core/slot.h */
    bool silent;      /* a slot: default sessions are not told */
    bool empty; /* a slot without a medium; device and inode are its own */
    char name[BH_VOLUME_NAME_LEN + 1];
};

static inline bool bh_facts_same_medium(const struct bh_volume_facts *a,
                                        const struct bh_volume_facts *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* Whether two look-ups have found the same thing, described in the same way.
 * Its length may have changed, and its number. What lies over it is not asked.
 */
static inline bool bh_facts_same(const struct bh_volume_facts *a,
                                 const struct bh_volume_facts *b)
{
    return bh_facts_same_medium(a, b) && a->first == b->first &&
           a->size_limit == b->size_limit && a->grow_limit == b->grow_limit &&
           a->idle_ms == b->idle_ms && a->mode == b->mode &&
           a->takeover == b->takeover && a->sync == b->sync &&
           a->exponent == b->exponent && a->roam == b->roam &&
           a->removable == b->removable && a->silent == b->silent &&
           a->empty == b->empty;
}

#define BH_JOB_FAILED 0xFFu

struct bh_job {
    uint8_t kind;        /* enum bh_job_kind */
    uint8_t access;      /* ATTACH: enum bh_access */
    bool patient;        /* ATTACH: a killed server may still let go of it */
    bool fresh;          /* ATTACH: there is nothing in the layer yet */
    bool discard;        /* DETACH: nobody will want the layer again */
    struct bh_job *next; /* the core's, while it owns the job */

    /* ATTACH sets it, the others get it back: the driver's own. NULL in a
     * DETACH: it could not be attached, and is only to be discarded. */
    void *medium;

    uint64_t offset; /* READ, WRITE, ZERO, CHECKSUM: byte of the volume */
    uint32_t len;    /* of the same: bytes. ATTACH of a layer: of its sectors */
    uint8_t *data;   /* READ, WRITE: `len` bytes, in pieces. ZERO: zeros, not to
                        be changed. CHECKSUM: room for `whole` bytes.
                        CHECKPOINT: its label, clean, with its NUL */
    uint32_t whole;  /* CHECKSUM: bytes, with the zeros */
    uint32_t checksum; /* CHECKSUM: out, CRC-32 as in IEEE 802.3 */
    bool trim;         /* ZERO: their space is not needed any more */
    uint32_t piece;    /* bytes of a piece; the last may be shorter */
    uint32_t stride;   /* from the first byte of a piece to that of the next */

    uint64_t byte_count; /* ATTACH: out, the volume's length now */
    uint32_t parallel;   /* ATTACH: out, so many READs and WRITEs of the volume
                            are welcome at a time; 0: the driver's number */

    /* SYNC: out, of one that failed: it was late, nothing is lost by that, and
     * it is to be asked for again. */
    bool again;

    /* SYNC: to be set to BH_JOB_FAILED as soon as a failure is known, on
     * whatever thread: the next server finds it if this one is killed before
     * the job is handed back. May be NULL. */
    volatile uint8_t *failed;

    /* Something that changes when the medium's bytes do. DETACH: out, what it
     * is now. ATTACH: in, what it must be, because a server was stopped with
     * the volume like that. 0: not known. */
    uint64_t version;

    /* LOOKUP: in, the name as the client sent it; out, its facts.
     * SWAP: in, the facts of the slot, and the name of the image that it is to
     * have; empty: none; NULL: it stays as it is. Out, its facts then.
     * All others: in, the facts of the volume; not to be changed. Its length
     * is to be read on the core's thread alone. */
    const char *name;
    const uint8_t *route; /* LOOKUP: the way back to the client */
    struct bh_volume_facts *facts;
};

/* Whether it is what a client has asked for: these kinds stand together. */
static inline bool bh_job_is_request(const struct bh_job *job)
{
    return job->kind >= BH_JOB_READ && job->kind <= BH_JOB_CHECKPOINT;
}

/* Where byte `at` of a READ goes. */
static inline uint8_t *bh_job_at(const struct bh_job *job, uint32_t at)
{
    return job->data + (size_t)(at / job->piece) * job->stride +
           at % job->piece;
}

#endif
