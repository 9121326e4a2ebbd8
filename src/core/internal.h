/* SPDX-License-Identifier: MIT */
/* The server's own state: for the files of core, and for nobody else. */
#ifndef BH_CORE_INTERNAL_H
#define BH_CORE_INTERNAL_H

#include "core/doubt.h"
#include "core/hint.h"
#include "core/hold.h"
#include "core/host.h"
#include "core/ids.h"
#include "core/keep.h"
#include "core/limits.h"
#include "core/random.h"
#include "core/request.h"
#include "core/server.h"
#include "core/session.h"
#include "core/slot.h"
#include "core/volume.h"
#include "core/window.h"

/* A CONNECT whose name is being looked up. */
struct bh_lookup {
    struct bh_job job;
    struct bh_link link; /* in bh_server.free_lookups, or .swap.lookups */
    struct bh_host *host;
    struct bh_path path;
    uint64_t hash;  /* of the CONNECT's format bytes */
    uint64_t swaps; /* bh_server.swap.count when it began */
    uint8_t seq, flags;
    char name[BH_NAME_FIELD_LEN];
    struct bh_volume_facts facts;
};

struct bh_server {
    struct bh_server_config config;
    uint64_t now; /* the clock of the public call that runs */
    struct bh_counters counters;
    struct bh_table table; /* what outlives this server */
    bool intents_kept;     /* it has some: else they need not be looked for */
    struct bh_doubt doubt;
    struct bh_random random;
    struct bh_ids ids;
    struct bh_hosts hosts;
    uint64_t utc_seconds;
    int16_t zone_minutes;
    bool stopping;    /* nothing new is accepted */
    bool proving_due; /* a session is gone that one of `proving` waits for */
    bool due;         /* those, a service of `unsettled` or a swap may go on */

    struct bh_session *sessions;
    struct bh_window *windows; /* of strict sessions: one beside each slot */
    uint8_t (*statuses)[BH_WINDOW_MAX]; /* of each window */
    struct bh_link free_sessions;
    uint32_t session_count;    /* proven and ending */
    uint32_t virtual_count;    /* of them, on virtual volumes */
    uint64_t reclaim_after_ms; /* before that, no session can be reclaimed */

    struct bh_pending *pendings; /* BH_PENDING_MAX */
    struct bh_link free_pendings;
    struct bh_link pending_ages; /* oldest first */
    uint32_t pending_used;
    struct bh_link proving;

    struct bh_volume *volumes;
    struct bh_volume **volume_buckets; /* by device and inode */
    uint32_t volume_count, volume_bucket_count, volumes_used;
    uint32_t checkpoint_count;   /* CHECKPOINTs in queues, a hold of changes */
    uint64_t checkpoints;        /* CHECKPOINTs that have come to a queue */
    struct bh_link idle_volumes; /* least recently used first */
    struct bh_link unstable;     /* dirty volumes, by sync_due_ms */
    struct bh_link unsettled;    /* volumes whose service may be due */

    struct bh_request *requests;
    struct bh_link free_requests;
    struct bh_lookup lookups[BH_LOOKUPS_MAX];
    struct bh_link free_lookups;

    struct bh_hold hold;
    struct bh_swap swap;
    uint64_t last_layer; /* bh_volume_facts.layer; 0: none so far */

    struct bh_job *first_job, **last_job; /* for the driver */
    uint32_t jobs_out;                    /* with the driver */
    struct bh_link sends;                 /* requests in REPLYING */

    struct bh_event events[BH_EVENTS_MAX + 1]; /* the last: for overflow */
    uint32_t event_first, event_count;
};

/* What a call has made possible elsewhere is done at its end. */
void bh_settle(struct bh_server *server);

/* One file each: what arrives is handed to these. */
BH_COLD void bh_connect_received(struct bh_server *server,
                                 const struct bh_path *path,
                                 const uint8_t *bytes, size_t len);
void bh_command_received(struct bh_server *server, const struct bh_path *path,
                         const uint8_t *bytes, size_t len);
BH_COLD void bh_discon_received(struct bh_server *server,
                                const struct bh_path *path,
                                const uint8_t *bytes, size_t len);

/* Posts a LOOKUP, and takes it back. */
BH_COLD void bh_connect_look_up(struct bh_server *server,
                                struct bh_lookup *lookup);
BH_COLD void bh_connect_looked_up(struct bh_server *server,
                                  struct bh_lookup *lookup, uint8_t status);

/* The session is proven and its volume attached: checks medium, rights and
 * LSN, then does what the request asks. */
void bh_command_admit(struct bh_server *server, struct bh_request *request);

/* The same for one that was parked, which is a DISCON, too: what it has waited
 * for may be there. */
BH_COLD void bh_command_resume(struct bh_server *server,
                               struct bh_request *request);

/*
 * One handler for each row of wire/opcode.def. The checks have been made; it
 * either finishes the request or posts its job.
 */
typedef void bh_handler(struct bh_server *server, struct bh_request *request);

#define BH_OPCODE(code, NAME, name, body, flags) bh_handler bh_handle_##name;
#include "wire/opcode.def"
#undef BH_OPCODE

/* IDENTIFY with session id 0: the server itself is asked. */
BH_COLD void bh_identify_server(struct bh_server *server,
                                const struct bh_path *path,
                                const struct bh_command *command, size_t len);

/* The row of a COMMAND's opcode; NULL: it is unknown. IDENTIFY has a magic
 * number where others have an LSN: whoever happens to use this opcode for
 * something else is told that it is unknown. */
const struct bh_opcode_row *bh_command_row(const struct bh_command *command,
                                           bool strict);

/* What the log is told of the LSN field. */
uint64_t bh_command_lsn(const struct bh_command *command);

/* The most sectors in a run: their replies leave together, each has a number,
 * and all of them are in the window. */
uint32_t bh_run_max(uint8_t exponent);

/* The end of what may be written: a volume that may grow has room behind its
 * last byte. */
uint64_t bh_write_limit(const struct bh_volume *volume);

/* Its job's bytes: its sectors, cut to the limit; of a READ each is to lie
 * behind the header of its reply. */
void bh_request_fill_span(struct bh_request *request, uint64_t limit);

/* Cuts a READ, CHECKSUM or ZERO to the volume's present length. */
void bh_command_fit(struct bh_request *request);

/*
 * The numbers of strict sessions. DISCON and KEEP pass as commands without an
 * opcode.
 */

/* Whether a request is to be carried out: its number is new, or seen and `data`
 * says that its answer has to be fetched again, which sets `*again`. Otherwise
 * it has been answered, or needs no answer. What is new or seen renews the
 * lease. */
bool bh_number_passes(struct bh_server *server, struct bh_session *session,
                      const struct bh_path *path,
                      const struct bh_command *command, bool data,
                      uint64_t *number, bool *again);

/* Answers a strict request with a status alone. */
BH_COLD void bh_strict_answer(struct bh_server *server,
                              const struct bh_path *path,
                              const struct bh_command *command, uint8_t status);

/* Whether the request with this number is still under way. */
bool bh_number_runs(const struct bh_session *session, uint64_t number);

/* Whether this id is that of a strict session of this peer's host which has
 * ended or is about to: then even "bad session id" has the strict form. */
BH_COLD bool bh_strict_owner(const struct bh_server *server,
                             const struct bh_peer *peer, uint16_t id);

/* The number on the wire. */
uint16_t bh_number_low(const struct bh_command *command);

/* The job of a READ or WRITE is done. */
void bh_command_done(struct bh_server *server, struct bh_request *request,
                     uint8_t status);

/* The request is over, with this status: counts, logs, replies. */
void bh_command_finish(struct bh_server *server, struct bh_request *request,
                       uint8_t status);

/* Whether what is left undone now goes on with the next server. */
bool bh_left_to_next(const struct bh_server *server);

/* Copies what fits into `room` bytes with its NUL. */
void bh_text_copy(char *out, size_t room, const char *text);

/* What bh_id.owner holds for this peer. */
uint16_t bh_owner_of(const struct bh_server *server,
                     const struct bh_peer *peer);

/* Counts and notes a datagram that is too short or not well-formed. */
BH_COLD void bh_malformed(struct bh_server *server, const struct bh_path *path,
                          size_t len);

/* Answers a COMMAND, KEEP or DISCON whose id the peer may not use, at a limited
 * rate; `strict`: the request is long enough for the strict form. */
BH_COLD void bh_wrong_id(struct bh_server *server, const struct bh_path *path,
                         const struct bh_command *command, bool discon,
                         bool strict);

/* Hands a job to the driver. */
void bh_job_post(struct bh_server *server, struct bh_job *job);

/* Notes an event; `peer` and `volume` may be NULL. */
BH_COLD struct bh_event *bh_event_note(struct bh_server *server,
                                       enum bh_event_kind kind,
                                       const struct bh_peer *peer,
                                       const struct bh_volume *volume);

#endif
