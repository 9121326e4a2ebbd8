/* SPDX-License-Identifier: MIT */
#include "volume/nbd_link.h"

#include "volume/nbd_library.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A path that is dead without a word is given a quarter of an hour, as TCP does
 * with what it sends: when it comes back all goes on, while a server that has
 * not noticed would refuse the next connection. */
#define ALIVE_IDLE_S 10
#define ALIVE_INTERVAL_S 10
#define ALIVE_PROBES 90

#define LOOK_MS 100         /* how soon it notices that it is cancelled */
#define LONGEST (32u << 20) /* of servers that do not say */

struct bh_nbd_link {
    const struct bh_nbd_library *library;
    struct nbd_handle *nbd;
    struct bh_nbd_info info;
    struct bh_nbd_request *turned[BH_NBD_SENT_MAX]; /* all parts answered */
    struct bh_nbd_request *done[BH_NBD_SENT_MAX];
    unsigned turned_count, done_count;
    int lost; /* an errno value */
    bool fua;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Connecting.
 */

/* libnbd's sentence, without the name of its function. */
static int say(const struct bh_nbd_library *library, char cause[BH_CAUSE_LEN])
{
    const char *text = library->get_error(), *colon;
    int error = library->get_errno();

    if (text == NULL)
        text = "the NBD server went away";
    colon = strstr(text, ": ");
    if (strncmp(text, "nbd_", 4) == 0 && colon != NULL)
        text = colon + 2;
    snprintf(cause, BH_CAUSE_LEN, "%.180s", text);
    return error > 0 ? -error : -EIO;
}

static int late(char cause[BH_CAUSE_LEN])
{
    snprintf(
        cause, BH_CAUSE_LEN,
        "the NBD server does not answer; it may be serving another client");
    return -ETIMEDOUT;
}

static int wait_until_ready(struct bh_nbd_link *link, unsigned limit_ms,
                            const atomic_bool *cancelled,
                            char cause[BH_CAUSE_LEN])
{
    const struct bh_nbd_library *library = link->library;
    const uint64_t due = now_ms() + limit_ms;

    while (library->aio_is_connecting(link->nbd)) {
        uint64_t now = now_ms();

        if (now >= due || (cancelled != NULL && *cancelled))
            return late(cause);
        if (library->poll(link->nbd,
                          due - now < LOOK_MS ? (int)(due - now) : LOOK_MS) < 0)
            return say(library, cause);
    }
    return library->aio_is_ready(link->nbd) ? 0 : say(library, cause);
}

/* A size that it does not say is -1 or 0. */
static uint32_t block_size(const struct bh_nbd_link *link, int kind,
                           uint32_t otherwise)
{
    int64_t size = link->library->get_block_size(link->nbd, kind);

    return size <= 0 || size > UINT32_MAX ? otherwise : (uint32_t)size;
}

static int learn(struct bh_nbd_link *link, char cause[BH_CAUSE_LEN])
{
    const struct bh_nbd_library *library = link->library;
    struct bh_nbd_info *info = &link->info;
    int64_t size = library->get_size(link->nbd);

    if (size < 0)
        return say(library, cause);
    info->block = block_size(link, LIBNBD_SIZE_MINIMUM, 1);
    info->longest = block_size(link, LIBNBD_SIZE_MAXIMUM, LONGEST);
    if ((info->block & (info->block - 1)) != 0 || info->block > 65536 ||
        info->longest < info->block) {
        snprintf(cause, BH_CAUSE_LEN,
                 "the NBD server wants blocks of %u to %u bytes",
                 (unsigned)info->block, (unsigned)info->longest);
        return -EINVAL;
    }
    info->longest -= info->longest % info->block;
    info->size = (uint64_t)size - (uint64_t)size % info->block;
    info->read_only = library->is_read_only(link->nbd) != 0;
    info->can_flush = library->can_flush(link->nbd) > 0;
    info->can_fua = library->can_fua(link->nbd) > 0;
    info->can_zero = library->can_zero(link->nbd) > 0;
    return 0;
}

/* What a Unix socket refuses it does not need. */
static void tune(int fd)
{
    const int one = 1, idle = ALIVE_IDLE_S, interval = ALIVE_INTERVAL_S,
              probes = ALIVE_PROBES;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
                     sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int connect_to(struct bh_nbd_link *link, const char *uri,
                      unsigned limit_ms, const atomic_bool *cancelled,
                      char cause[BH_CAUSE_LEN])
{
    const struct bh_nbd_library *library = link->library;
    const uint64_t began = now_ms();
    int error;

    link->nbd = library->create();
    if (link->nbd == NULL ||
        library->set_uri_allow_local_file(link->nbd, true) < 0 ||
        library->set_pread_initialize(link->nbd, false) < 0 ||
        library->aio_connect_uri(link->nbd, uri) < 0)
        return say(library, cause);
    error = wait_until_ready(link, limit_ms, cancelled, cause);
    if (error == 0)
        error = learn(link, cause);
    if (error != 0)
        return error;
    tune(library->aio_get_fd(link->nbd));
    link->info.took_ms = (uint32_t)(now_ms() - began);
    return 0;
}

int bh_nbd_link_open(const char *uri, unsigned limit_ms,
                     const atomic_bool *cancelled, struct bh_nbd_link **out,
                     char cause[BH_CAUSE_LEN])
{
    const struct bh_nbd_library *library = bh_nbd_library(cause);
    struct bh_nbd_link *link;
    int error;

    if (library == NULL)
        return -ENOTSUP;
    link = calloc(1, sizeof *link);
    if (link == NULL)
        return -ENOMEM;
    link->library = library;
    error = connect_to(link, uri, limit_ms, cancelled, cause);
    if (error == 0) {
        *out = link;
        return 0;
    }
    bh_nbd_link_close(link);
    return error == -ENOMEM ? error : -EIO; /* ENOENT would be of the image */
}

void bh_nbd_link_close(struct bh_nbd_link *link)
{
    if (link->nbd != NULL) {
        if (link->library->aio_is_ready(link->nbd))
            (void)link->library->aio_disconnect(link->nbd, 0);
        link->library->close(link->nbd);
    }
    free(link);
}

const struct bh_nbd_info *bh_nbd_link_info(const struct bh_nbd_link *link)
{
    return &link->info;
}

int bh_nbd_link_fd(const struct bh_nbd_link *link)
{
    return link->library->aio_get_fd(link->nbd);
}

short bh_nbd_link_events(const struct bh_nbd_link *link)
{
    unsigned direction = link->library->aio_get_direction(link->nbd);

    return (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                   (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

/*
 * Requests. libnbd tells of an answer in the midst of its work, when it may not
 * be called: what follows from it is done afterwards.
 */

/* In whose name a part is under way. */
struct part {
    struct bh_nbd_link *link;
    struct bh_nbd_request *request;
};

static void part_over(struct bh_nbd_link *link, struct bh_nbd_request *request,
                      int error)
{
    if (error != 0 && request->error == 0)
        request->error = -error;
    request->parts--;
    if (request->parts == 0)
        link->turned[link->turned_count++] = request;
}

static int part_answered(void *user_data, int *error)
{
    const struct part *part = user_data;

    part_over(part->link, part->request, *error);
    return 1; /* libnbd may forget it */
}

static nbd_completion_callback told_to(struct bh_nbd_link *link,
                                       struct bh_nbd_request *request)
{
    struct part *part = malloc(sizeof *part);

    if (part != NULL)
        *part = (struct part){link, request};
    return (nbd_completion_callback){
        .callback = part_answered, .user_data = part, .free = free};
}

/* Why a command was not taken. */
static int errno_of(const struct bh_nbd_link *link)
{
    const struct bh_nbd_library *library = link->library;
    int error = library->get_errno();

    if (library->aio_is_dead(link->nbd) || library->aio_is_closed(link->nbd))
        return ENOTCONN;
    return error > 0 ? error : EIO;
}

/* Sends one part, or says that it is over. libnbd frees what it was given also
 * if it refuses. */
static void begin(struct bh_nbd_link *link, struct bh_nbd_request *request,
                  int kind, uint64_t first, uint64_t len)
{
    const struct bh_nbd_library *library = link->library;
    nbd_completion_callback told = told_to(link, request);
    uint32_t fua = link->fua ? LIBNBD_CMD_FLAG_FUA : 0;
    uint8_t *data = request->data + (first - request->first);
    int64_t cookie = -1;

    if (told.user_data == NULL) {
        part_over(link, request, ENOMEM);
        return;
    }
    if (kind == BH_NBD_READ)
        cookie =
            library->aio_pread(link->nbd, data, (size_t)len, first, told, 0);
    else if (kind == BH_NBD_WRITE)
        cookie =
            library->aio_pwrite(link->nbd, data, (size_t)len, first, told, fua);
    else if (kind == BH_NBD_ZERO)
        cookie = library->aio_zero(
            link->nbd, len, first, told,
            fua | (request->trim ? 0 : LIBNBD_CMD_FLAG_NO_HOLE));
    else
        cookie = library->aio_flush(link->nbd, told, 0);
    if (cookie < 0)
        part_over(link, request, errno_of(link));
}

/* In as many parts as the server wants. */
static void begin_all(struct bh_nbd_link *link, struct bh_nbd_request *request,
                      int kind, uint64_t first, uint64_t end)
{
    uint32_t most = kind == BH_NBD_ZERO ? UINT32_MAX : link->info.longest;

    while (first < end) {
        uint64_t len = end - first < most ? end - first : most;

        request->parts++;
        begin(link, request, kind, first, len);
        first += len;
    }
}

/* Reads the blocks that a WRITE covers in part only. */
static void fill(struct bh_nbd_link *link, struct bh_nbd_request *request)
{
    const uint64_t block = link->info.block,
                   len = request->end - request->first;

    request->filling = true;
    if (request->offset != request->first || len == block)
        begin_all(link, request, BH_NBD_READ, request->first,
                  request->first + block);
    if (request->offset + request->len != request->end && len > block)
        begin_all(link, request, BH_NBD_READ, request->end - block,
                  request->end);
}

static void begin_kind(struct bh_nbd_link *link, struct bh_nbd_request *request)
{
    request->error = 0;
    if (request->kind == BH_NBD_FLUSH) {
        request->parts++;
        begin(link, request, BH_NBD_FLUSH, 0, 0);
    } else if (request->kind == BH_NBD_WRITE &&
               !bh_nbd_request_is_whole(request)) {
        fill(link, request);
    } else {
        begin_all(link, request, request->kind, request->first, request->end);
    }
}

void bh_nbd_link_send(struct bh_nbd_link *link, struct bh_nbd_request *request,
                      bool fua)
{
    int error = 0;

    link->fua = fua;
    if (request->kind == BH_NBD_ZERO &&
        (!link->info.can_zero || !bh_nbd_request_is_whole(request)))
        error = bh_nbd_request_spell_out(request);
    request->parts = 1; /* ours: it is not over before all is sent */
    if (error == 0)
        begin_kind(link, request);
    part_over(link, request, -error);
}

/* What was read gets the new bytes, and is written. */
static void put(struct bh_nbd_link *link, struct bh_nbd_request *request)
{
    request->filling = false;
    memcpy(request->data + (request->offset - request->first), request->own,
           request->len);
    request->parts = 1;
    begin_all(link, request, BH_NBD_WRITE, request->first, request->end);
    part_over(link, request, 0);
}

/* The connection's end, and not the request's. */
static bool is_lost(int error)
{
    return error == -ENOTCONN || error == -ESHUTDOWN;
}

static bool is_refused_zero(const struct bh_nbd_request *request)
{
    return request->kind == BH_NBD_ZERO &&
           (request->error == -ENOTSUP || request->error == -EOPNOTSUPP ||
            request->error == -EINVAL);
}

static void turn(struct bh_nbd_link *link, struct bh_nbd_request *request)
{
    if (is_lost(request->error)) {
        link->lost = request->error;
    } else if (is_refused_zero(request)) {
        link->info.can_zero = false;
        bh_nbd_link_send(link, request, link->fua);
    } else if (request->filling && request->error == 0) {
        put(link, request);
    } else {
        request->filling = false;
        if (request->error == -EPERM)
            request->error = -EROFS;
        link->done[link->done_count++] = request;
    }
}

static void turn_all(struct bh_nbd_link *link)
{
    while (link->turned_count > 0)
        turn(link, link->turned[--link->turned_count]);
}

static void look(struct bh_nbd_link *link, short revents)
{
    const struct bh_nbd_library *library = link->library;

    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        (void)library->aio_notify_read(link->nbd);
    else if ((revents & POLLOUT) != 0)
        (void)library->aio_notify_write(link->nbd);
}

/* Whether it is, and why. */
static int find_lost(const struct bh_nbd_link *link, char cause[BH_CAUSE_LEN])
{
    const char *how = link->lost == -ESHUTDOWN ? "it is shutting down"
                                               : "it has closed the connection";

    if (link->library->aio_is_dead(link->nbd))
        return say(link->library, cause);
    if (link->lost == 0 && !link->library->aio_is_closed(link->nbd))
        return 0;
    snprintf(cause, BH_CAUSE_LEN, "%s", how);
    return link->lost != 0 ? link->lost : -ENOTCONN;
}

int bh_nbd_link_process(struct bh_nbd_link *link, short revents,
                        char cause[BH_CAUSE_LEN])
{
    int error;

    look(link, revents);
    error = find_lost(link, cause);
    turn_all(link);
    return error != 0 ? error : find_lost(link, cause);
}

struct bh_nbd_request *bh_nbd_link_done(struct bh_nbd_link *link)
{
    return link->done_count == 0 ? NULL : link->done[--link->done_count];
}
