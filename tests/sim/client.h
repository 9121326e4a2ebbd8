/* SPDX-License-Identifier: MIT */
/*
 * A client: what it wants, and what it is told. How it says so is the business
 * of its form: the tiny client in either of its forms, one request at a time,
 * or the window of a strict client.
 *
 *   RESTING -> CONNECTING -> PROVING -> WORKING -> LEAVING -> RESTING
 *      ^            |            |          |
 *      '------------+------------+----------'  an error, silence, a reset
 */
#ifndef BH_SIM_CLIENT_H
#define BH_SIM_CLIENT_H

#include "net.h"

#include "core/peer.h"

#include <stdbool.h>
#include <stdint.h>

#define POLITE 36u  /* clients that want to get on */
#define CLIENTS 39u /* the rest want everything: one host, one slow volume */
#define DOUBTS 12u
#define UNFLUSHED 32u
#define WINDOW 64u
#define SECTOR_ROOM 1024u
#define STATUS_SILENT 0xFDu /* the tiny client's */

struct world;

enum client_kind {
    CLIENT_CONSTANT, /* naive: one number for all */
    CLIENT_RANDOM,   /* naive: any number */
    CLIENT_COUNTING,
    CLIENT_STRICT, /* one at a time */
    CLIENT_WINDOW,
    CLIENT_KINDS
};

enum client_phase { RESTING, CONNECTING, PROVING, WORKING, LEAVING };

enum op_kind {
    OP_NONE,
    OP_CONNECT,
    OP_READ,
    OP_WRITE,
    OP_IDENTIFY,
    OP_FLUSH,
    OP_KEEP,
    OP_DISCON,
    OP_TRIM,
    OP_ZERO,
    OP_CHECKSUM,
    OP_TIME,
    OP_CHECKPOINT,
    OP_EJECT,
    OP_LOCK,
    OP_UNLOCK
};

struct op {
    uint8_t kind;
    bool outside;     /* beyond the volume's end */
    uint16_t session; /* 0: none */
    uint32_t lsn;
    uint16_t sectors;   /* TRIM, ZERO, CHECKSUM */
    uint32_t at, count; /* granules of the disk; count 0: none inside */
    uint32_t sure;      /* of them, what is there already */
    uint64_t value;     /* WRITE, TRIM, ZERO; CHECKPOINT: its name */
    uint64_t began;     /* stamp */
    uint64_t began_ms;
    uint64_t must; /* FLUSH, DISCON */
    uint32_t disk; /* which it means; NO_DISK: it does not know */
    uint32_t from; /* which its answer's data is from */
};

/* TRIM and ZERO are WRITEs of zeros. */
static inline bool op_changes(const struct op *op)
{
    return op->kind == OP_WRITE || op->kind == OP_TRIM || op->kind == OP_ZERO;
}

static inline bool op_reads(const struct op *op)
{
    return op->kind == OP_READ || op->kind == OP_CHECKSUM;
}

/* A write that was given up, or answered with "perhaps". */
struct doubt {
    uint16_t session;
    uint16_t disk, volume;
    uint8_t access;
    struct bh_peer peer;
    uint32_t at, count;
    uint64_t value, began;
};

/* What concerns a slot's medium. */
static inline bool op_is_of_slot(const struct op *op)
{
    return op->kind >= OP_EJECT;
}

struct unflushed {
    uint32_t at;
    uint64_t value;
    uint64_t acked; /* stamp */
};

enum pane_state { PANE_FREE, PANE_OUT, PANE_LEFT };

/* A number of a window. LEFT: given up, but still under way. */
struct pane {
    uint8_t state, tries;
    uint8_t run;    /* READs asked for together with this one; else 1 */
    uint16_t first; /* number of the first of them */
    uint16_t number;
    uint32_t request;
    uint32_t wait_ms;
    uint64_t sent_ms;
    struct op op;
};

struct client {
    uint16_t index;
    uint8_t kind, phase;
    bool polite, strict, padded, done, waits;
    bool changed;    /* its medium may be: it is to IDENTIFY, alone */
    bool told;       /* in a drive: that it has another one */
    bool hurried;    /* it leaves before its EJECT is answered */
    uint16_t medium; /* in a drive: the disk that it knows to be there */
    uint64_t since;  /* stamp of the request by which it knows */
    struct bh_peer peer;
    struct path path;

    /* What it wants. */
    uint16_t volume;
    uint8_t access; /* CONNECT's flags without size and strict */
    uint8_t exponent;
    uint32_t life; /* requests until it leaves */
    uint8_t tries; /* datagrams to a request before it is given up */
    uint32_t think_ms;
    uint32_t write, flush, identify, keep, wild; /* shares of 65,536 */
    uint32_t zero, checksum, time, checkpoint;
    uint32_t eject, lock;

    /* What it has. */
    uint16_t id;       /* 0: no session */
    uint32_t boot;     /* of the server that gave it this id */
    uint32_t request;  /* requests begun so far */
    uint32_t born;     /* that number when its machine was last reset */
    uint32_t answered; /* of them, in calm weather: any answer */
    uint32_t arrived;  /* the highest that has reached the server */
    uint32_t refusals;
    uint64_t wake_ms, timer_ms; /* the timer that is in the queue */
    struct doubt doubts[DOUBTS];
    uint32_t doubt_count;
    struct unflushed unflushed[UNFLUSHED];
    uint32_t unflushed_count;

    /* One at a time. */
    struct op op;
    uint64_t tiny[16]; /* TINY_WORDS */
    uint8_t body[SECTOR_ROOM];
    char name[8];

    /* A window. */
    struct pane panes[WINDOW];
    uint8_t seq;      /* of CONNECT */
    uint32_t numbers; /* used in this session */
    uint16_t next, oldest;
    uint32_t nap; /* share of requests after which it sleeps for long */
    uint16_t window, depth, out; /* as agreed; as it likes; requests out */
    uint64_t sent_ms;            /* its last datagram */
    uint64_t due_ms;             /* of the first retransmission */
};

void clients_init(struct world *world);

/* Answers that it needs in calm weather. */
uint32_t client_quota(const struct client *client);

/* A timer of a client went off. */
void client_timer(struct world *world, struct client *client);

/* A datagram has reached it. */
void client_received(struct world *world, struct client *client,
                     const struct datagram *datagram);

/* The machine is reset: nothing is left of its session or its memory. */
void client_reset(struct world *world, struct client *client);

/* Goes on with the next thing to do. */
void client_go(struct world *world, struct client *client);

/* The rest it leaves alone: all that it has is gone. */
void client_forget(struct world *world, struct client *client);

/* The server has given it this id. */
void client_given(struct world *world, struct client *client, uint16_t id);

/* It rests for a while, without a session. */
void client_rest(struct world *world, struct client *client, uint32_t ms);

/* Asks to be looked after at this time at the latest. */
void client_need(struct world *world, struct client *client, uint64_t at_ms);

/* A request has its answer: `status` is the wire's, or STATUS_SILENT if the
 * client gives up; `data` is what follows the reply's header. */
void client_answered(struct world *world, struct client *client,
                     const struct op *op, uint8_t status, const uint8_t *data);

/* What follows the header of such a COMMAND, the same each time; returns its
 * length. */
uint16_t client_body(const struct world *world, const struct client *client,
                     const struct op *op, uint8_t *body);

/* A datagram of this client. */
struct datagram *client_datagram(struct world *world, struct client *client,
                                 uint32_t request, const struct op *op);

/* wish.c: another volume; a READ's or WRITE's place on it; the next thing that
 * a client with a session does. */
void wish_volume(struct world *world, struct client *client);
void wish_place(struct world *world, const struct client *client,
                struct op *op);
void wish(struct world *world, const struct client *client, struct op *op);

/* tiny_client.c: one request at a time, client->op. */
void tiny_begin(struct world *world, struct client *client,
                const struct op *op);
void tiny_timer(struct world *world, struct client *client);
void tiny_received(struct world *world, struct client *client,
                   const struct datagram *datagram);
void tiny_restart(struct world *world, struct client *client);

/* window_client.c: CONNECT is client->op, all else in client->panes. */
void window_connect(struct world *world, struct client *client,
                    const struct op *op);
void window_fill(struct world *world, struct client *client);
void window_timer(struct world *world, struct client *client);
void window_received(struct world *world, struct client *client,
                     const struct datagram *datagram);
void window_forget(struct world *world, struct client *client);

#endif
