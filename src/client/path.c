/* SPDX-License-Identifier: MIT */
#include "client/path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/resolve.h"
#include "client/socket.h"
#include "net/local_client.h"
#include "net/serial.h"
#include "net/tcp.h"

/* What is asked of an unknown server, with its answer. */
#define FIRST_LEN 512u

void bh_path_init(struct bh_path *path)
{
    memset(path, 0, sizeof(*path));
    path->fd = -1;
    bh_rto_init(&path->rto);
}

static void close_socket(struct bh_path *path)
{
    if (path->fd >= 0)
        bh_path_flush(path);
    if (path->line != NULL)
        bh_line_close(path->line);
    else if (path->fd >= 0)
        close(path->fd);
    path->fd = -1;
}

void bh_path_close(struct bh_path *path)
{
    close_socket(path);
    bh_inbox_free(path->inbox);
    path->inbox = NULL;
    bh_line_free(path->line);
    path->line = NULL;
}

/* The server is "INTERFACE/ADDRESS", as the URL's parser has seen. */
static int open_ether(struct bh_path *path)
{
    const char *slash = strchr(path->place.path, '/'), *end;
    char interface[BH_PLACE_PATH_LEN] = "";
    uint8_t mac[BH_MAC_LEN];
    struct bh_ether_link link;
    int fd;

    if (slash == NULL || !bh_mac_parse(slash + 1, mac, &end))
        return -EINVAL;
    memcpy(interface, path->place.path, (size_t)(slash - path->place.path));
    fd = bh_ether_socket(interface, mac, &link);
    if (fd >= 0)
        path->server = bh_ether_name(&link, mac);
    return fd;
}

static int open_socket(struct bh_path *path, const char **why)
{
    *why = NULL;
    switch (path->kind) {
    case BH_URL_ETHER:
        return open_ether(path);
    case BH_URL_UNIX:
        return bh_local_client_open(path->place.path);
    case BH_URL_SERIAL:
        return bh_serial_open(&path->place, why);
    case BH_URL_TCP:
        return bh_tcp_connect(&path->peers[path->peer_at]);
    default:
        return bh_socket_open(&path->peers[path->peer_at]);
    }
}

static void take(struct bh_path *path, int fd)
{
    path->fd = fd;
    if (path->line != NULL) {
        bh_line_open(path->line, fd);
    } else {
        bh_inbox_start(path->inbox, fd);
        bh_outbox_start(&path->outbox, fd);
    }
    if (path->kind == BH_URL_ETHER) {
        path->outbox.to = &path->server;
        path->outbox.to_len = sizeof(path->server);
    }
}

static int move(struct bh_path *path, const char **why)
{
    size_t tried;
    int fd = -EHOSTUNREACH;

    for (tried = 0; tried < path->peer_count; tried++) {
        path->peer_at = (path->peer_at + 1) % path->peer_count;
        if (path->kind == BH_URL_SERIAL)
            close_socket(path); /* nobody else may have it */
        fd = open_socket(path, why);
        if (fd >= 0) {
            close_socket(path);
            take(path, fd);
            return 0;
        }
        path->trouble = -fd;
    }
    return fd;
}

int bh_path_move(struct bh_path *path)
{
    const char *why;

    return move(path, &why);
}

/* Where the server may be: in how many places, or a negative errno. */
static int find_peers(struct bh_path *path, const struct bh_url *url,
                      const char **why)
{
    if (url->kind == BH_URL_UDP || url->kind == BH_URL_TCP)
        return bh_resolve(url->host, url->port, path->peers, BH_PATH_PEERS_MAX,
                          why);
    *why = NULL;
    if (strlen(url->host) >= sizeof(path->place.path))
        return -ENAMETOOLONG;
    strcpy(path->place.path, url->host);
    path->place.baud = url->baud;
    path->place.rtscts = url->rtscts != 0;
    return 1;
}

/* Room for all that a window has; more would be too much for the line. */
#define LINE_LIMIT 1048576u

static int make_boxes(struct bh_path *path)
{
    bool framed = path->kind == BH_URL_SERIAL || path->kind == BH_URL_TCP;

    bh_line_free(path->line);
    path->line = framed ? bh_line_new(LINE_LIMIT) : NULL;
    path->outbox.count = 0;
    if (path->inbox == NULL && !framed)
        path->inbox = bh_inbox_new();
    return path->inbox == NULL && path->line == NULL ? -ENOMEM : 0;
}

int bh_path_open(struct bh_path *path, const struct bh_url *url,
                 const char **why)
{
    int count, rc;

    close_socket(path);
    path->kind = url->kind;
    count = find_peers(path, url, why);
    if (count < 0)
        return count;
    *why = NULL;
    path->peer_count = (size_t)count;
    path->peer_at = path->peer_count - 1;
    path->settled = false;
    path->trouble = 0;
    bh_rto_init(&path->rto);
    (void)bh_path_window(path, 1, FIRST_LEN);
    rc = make_boxes(path);
    if (rc == 0)
        rc = move(path, why);
    if (rc < 0 && *why == NULL)
        *why = bh_path_explain(path, rc);
    return rc;
}

bool bh_path_may_move(const struct bh_path *path)
{
    return !path->settled && path->peer_count > 1;
}

static struct bh_outgoing *add(struct bh_path *path, const uint8_t *head,
                               size_t head_len, uint64_t now_us)
{
    struct bh_outgoing *added = bh_outbox_add(&path->outbox);

    if (added == NULL) {
        bh_path_flush(path);
        added = bh_outbox_add(&path->outbox);
    }
    *added = (struct bh_outgoing){.head_len = head_len};
    memcpy(added->head, head, head_len);
    path->sent_us = now_us;
    return added;
}

void bh_path_send(struct bh_path *path, const struct bh_tiny *tiny,
                  bool *too_long, uint64_t now_us)
{
    struct bh_outgoing *added =
        add(path, tiny->packet, tiny->packet_len, now_us);

    added->body = tiny->body;
    added->body_len = tiny->body_len;
    added->too_long = too_long;
}

void bh_path_send_bytes(struct bh_path *path, const uint8_t *bytes, size_t len,
                        uint64_t now_us)
{
    add(path, bytes, len, now_us);
}

/* It is no trouble as long as what takes its place is found in time. */
static void fail(struct bh_path *path, int error)
{
    path->trouble = -error;
    bh_line_close(path->line);
    path->fd = -1;
}

/* A connection that broke, or a device that was unplugged, may be there again
 * by now. */
static void revive(struct bh_path *path)
{
    const char *why;
    int fd;

    if (path->fd >= 0)
        return;
    fd = open_socket(path, &why);
    if (fd >= 0)
        take(path, fd);
    else
        path->trouble = -fd;
}

static void flush_line(struct bh_path *path)
{
    unsigned i;
    int rc;

    if (path->outbox.count > 0)
        revive(path);
    for (i = 0; i < path->outbox.count; i++) {
        const struct bh_outgoing *it = &path->outbox.of[i];

        (void)bh_line_put(path->line, it->head, it->head_len, it->body,
                          it->body_len);
    }
    path->outbox.count = 0;
    rc = path->fd >= 0 ? bh_line_flush(path->line) : 0;
    if (rc < 0)
        fail(path, rc);
}

void bh_path_flush(struct bh_path *path)
{
    int rc;

    if (path->line != NULL) {
        flush_line(path);
        return;
    }
    if (path->outbox.count == 0)
        return;
    rc = bh_outbox_send(&path->outbox, path->fd);
    if (rc < 0)
        path->trouble = -rc;
    if (rc < 0 && path->kind == BH_URL_UNIX) /* for what is sent again */
        (void)bh_local_client_find(path->fd, path->place.path);
    if ((rc == -ENXIO || rc == -ENODEV) && path->kind == BH_URL_ETHER)
        (void)bh_path_move(path); /* the interface has come back as another */
}

int bh_path_receive(struct bh_path *path)
{
    long len;

    if (path->fd < 0)
        return -EAGAIN;
    len = path->line != NULL
              ? bh_line_next(path->line, &path->datagram)
              : bh_inbox_next(path->inbox, path->fd, &path->datagram);

    if (len >= 0) {
        path->datagram_len = (uint16_t)len;
        return 0;
    }
    if (len == -EAGAIN)
        return (int)len;
    path->trouble = (int)-len;
    if (path->line != NULL)
        fail(path, (int)len);
    return (int)len;
}

bool bh_path_holds(const struct bh_path *path)
{
    if (path->line != NULL)
        return path->fd >= 0 && bh_line_holds(path->line);
    return path->inbox != NULL && bh_inbox_holds(path->inbox);
}

/* What a frame has beside its sector, of either direction: header, FCS, flags,
 * and some escapes. */
#define FRAME_REST_LEN 24u

/* So much of a line's time may be under way: enough that it is never idle. */
#define LINE_AHEAD_US 250000u

/* A connection sends lost bytes again itself; that takes so long at least. */
#define TCP_US 200000u

static unsigned line_window(struct bh_path *path, unsigned window,
                            uint32_t sector_len)
{
    uint32_t each_us =
        bh_serial_us(path->place.baud, sector_len + FRAME_REST_LEN);
    unsigned most = LINE_AHEAD_US / (each_us + 1u) + 1u;

    if (most < 2)
        most = 2;
    if (window > most)
        window = most;
    bh_rto_set_line(&path->rto, window * each_us);
    return window;
}

unsigned bh_path_window(struct bh_path *path, unsigned window,
                        uint32_t sector_len)
{
    unsigned queue;

    switch (path->kind) {
    case BH_URL_UNIX:
        queue = bh_local_client_queue();
        return queue < window ? queue : window;
    case BH_URL_SERIAL:
        return line_window(path, window, sector_len);
    case BH_URL_TCP:
        bh_rto_set_line(&path->rto, TCP_US);
        return window;
    default:
        return window;
    }
}

/* Callers wait for what comes; until the line takes more they look again. */
#define LOOK_MS 5u

uint64_t bh_path_wait_ms(const struct bh_path *path)
{
    return path->line != NULL && bh_line_waits(path->line) ? LOOK_MS
                                                           : UINT64_MAX;
}

int bh_path_silence(const struct bh_path *path)
{
    return path->trouble != 0 ? -path->trouble : -ETIMEDOUT;
}
