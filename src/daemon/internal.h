/* SPDX-License-Identifier: MIT */
/* The driver's own state: for its files, and for nobody else. */
#ifndef BH_DAEMON_INTERNAL_H
#define BH_DAEMON_INTERNAL_H

#include "core/server.h"
#include "daemon/control.h"
#include "daemon/driver.h"
#include "daemon/log.h"
#include "daemon/pool.h"
#include "daemon/state.h"
#include "net/local.h"
#include "net/place.h"
#include "net/udp.h"

#include <time.h>
#include <uv.h>

/* A configuration on its way in; NULL: none is. */
struct bh_reloading {
    uv_work_t uv;
    struct bh_driver *driver;
    struct bh_config *config;
    int error;
    char problem[BH_PROBLEM_LEN];
};

struct bh_listener {
    uv_poll_t uv;
    struct bh_driver *driver;
    struct bh_place place; /* as opened: with its real port */
    union {
        struct bh_udp udp;
        struct bh_local local;
        struct bh_ether_way *ether;
        struct bh_cables *cables;
    } via;
    bool unheard; /* somebody who cannot be answered: it has been said */
};

struct bh_cables;
struct bh_line_route;

struct bh_driver {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_signal_t signals[3];
    struct bh_config *config;
    bh_reload *reload;
    void *context;
    struct bh_reloading reloading;
    uv_work_t asking; /* NBD servers, at the start */

    struct bh_server *server;
    void *memory;
    struct bh_state state;
    struct bh_catalogue *catalogue;
    struct bh_pool *pool;
    struct bh_log log;
    struct bh_remote *remotes;  /* volumes on NBD servers that are open */
    struct bh_control *control; /* NULL: none */
    uint64_t started;
    uint64_t now;     /* when the loop last woke up */
    uint64_t done_ns; /* when the last requests were answered */
    bool brisk;       /* the one before them came soon after an answer */
    bool can_look;    /* there is another processor for whoever sends */

    struct bh_listener listeners[BH_LISTEN_MAX];
    size_t listener_count;
    struct bh_udp_batch batch;

    unsigned unanswered; /* datagrams taken since replies were last sent */
    time_t calendar_s;   /* when the core was last told the time */
    bool stopping;
};

/* driver.c: after anything has happened, does what the core now wants; tells
 * it the time of the day. */
void bh_driver_pump(struct bh_driver *driver);
void bh_driver_bring_time(struct bh_driver *driver);

/* jobs.c: begins what the core wants of the storage, and takes what a thread
 * has done. */
void bh_jobs_begin(struct bh_driver *driver);
bh_pool_finished bh_jobs_finished;

/* A datagram that came this way: what the page cache has needs no queue, and
 * a long batch is answered in parts. */
void bh_traffic_receive(struct bh_driver *driver, const struct bh_path *path,
                        const uint8_t *bytes, size_t len);

/* Sets bh_driver.brisk: whether the next request may be so near that to look
 * for it is better than to sleep. */
void bh_traffic_look(struct bh_driver *driver);

/* The longest datagram that this way carries; how [host ...] of the
 * configuration calls whoever is there. */
uint32_t bh_traffic_path_len(const struct bh_driver *driver,
                             const uint8_t route[BH_ROUTE_LEN]);
const char *bh_traffic_host(const struct bh_driver *driver,
                            const uint8_t route[BH_ROUTE_LEN],
                            char text[BH_PLACE_TEXT_LEN]);

/* local.c: datagrams of a Unix socket. */
void bh_local_start(struct bh_listener *listener);
void bh_local_reply(struct bh_listener *listener, const struct bh_send *send);

/* ether.c: raw frames. */
int bh_ether_listen(struct bh_listener *listener);
void bh_ether_start(struct bh_listener *listener);
void bh_ether_stop(struct bh_listener *listener);
void bh_ether_leave(struct bh_listener *listener);
void bh_ether_reply(struct bh_listener *listener, const struct bh_send *send);
void bh_ether_replied(struct bh_listener *listener);
uint32_t bh_ether_path_len(const struct bh_listener *listener);

/* cables.c: serial lines, and TCP connections in their place. */
int bh_cables_open(struct bh_listener *listener);
void bh_cables_start(struct bh_listener *listener);
void bh_cables_stop(struct bh_listener *listener);
void bh_cables_close(struct bh_listener *listener);
void bh_cables_reply(struct bh_listener *listener, const struct bh_send *send);
const struct bh_address *bh_cables_from(const struct bh_listener *listener,
                                        const struct bh_line_route *line);

/* traffic.c: opens the sockets, or says the problem; looks at them from then
 * on, or no more; sends what the core wants sent. */
int bh_traffic_open(struct bh_driver *driver, char problem[BH_PROBLEM_LEN]);
void bh_traffic_start(struct bh_driver *driver);
void bh_traffic_stop(struct bh_driver *driver);
void bh_traffic_close(struct bh_driver *driver);
void bh_traffic_send(struct bh_driver *driver);

/* reload.c: SIGHUP; says what is configured and not there: it may come yet, or
 * be a mistake. */
void bh_reload_begin(uv_signal_t *uv, int number);
void bh_reload_check(struct bh_driver *driver, const struct bh_config *config);
void bh_reload_drop(struct bh_config *config);

/* Asks NBD servers about their exports, in a thread; says which do not answer.
 * Once, at the start. */
void bh_reload_ask(struct bh_driver *driver);

/* about.c: what `:readme` says of this server. */
bh_about bh_driver_about;

/* start.c: all memory, and what an earlier server left. */
int bh_start_reserve(struct bh_driver *driver, char problem[BH_PROBLEM_LEN]);

#endif
