/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the real daemon: makes its storage fail as a test says, and
 * records what it does to its images and to its clients, in one order.
 *
 * BH_FAULTS names a control file (struct control, mapped; faults.py writes to
 * it), BH_FAULTS_LOG a log to append records to, BH_FAULTS_NAME a part of the
 * paths that are meant: calls on other files pass untouched.
 *
 * A record is written before a datagram leaves and after one has come, before
 * and after a pwrite and an fdatasync. What stands in the log earlier has
 * happened earlier as far as others can see.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum op { OP_READ, OP_WRITE, OP_SYNC, OPS };

enum fault {
    FAULT_NONE, /* slow, if delay_ms says so */
    FAULT_ERROR,
    FAULT_HALF, /* half of the bytes are moved */
    FAULT_ZERO, /* none is, and no error either */
    FAULT_TORN  /* the last time an error, before that half */
};

struct rule {
    _Atomic uint32_t fault;
    _Atomic uint32_t error;     /* errno */
    _Atomic uint32_t times;     /* calls that it still holds for */
    _Atomic uint32_t delay_ms;  /* before the call; for every one */
    _Atomic uint32_t linger_ms; /* after it, before a write's or sync's caller
                                   knows */
    _Atomic uint32_t calls;     /* that were made */
    _Atomic uint32_t failed;    /* of them, by our doing */
};

struct control {
    struct rule rules[OPS];
};

enum kind {
    WRITE_BEGIN = 'w',
    WRITE_END = 'W',
    SYNC_BEGIN = 's',
    SYNC_END = 'S',
    ARRIVED = 'a',
    REPLIED = 'r',
    STARTED = 'l' /* a new process; what an earlier one had begun is over */
};

/* `bytes_len` bytes follow: what is written, or a datagram's beginning. */
struct record {
    uint64_t time_ns;
    uint64_t file;   /* its inode; of a datagram the client's port */
    uint64_t offset; /* in the file */
    int64_t result;  /* of what has ended; a datagram's length */
    uint32_t call;   /* the same at begin and end */
    uint32_t kind;
    uint32_t bytes_len;
    uint32_t zero;
};

#define DATAGRAM_KEPT 16u
#define SLICE_MS 5u

static struct control *control;
static const char *pattern;
static int log_fd = -1;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t calls;

static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_preadv2)(int, const struct iovec *, int, off_t, int);
static ssize_t (*real_pwritev2)(int, const struct iovec *, int, off_t, int);
static int (*real_fdatasync)(int);
static int (*real_sendmmsg)(int, struct mmsghdr *, unsigned, int);
static int (*real_recvmmsg)(int, struct mmsghdr *, unsigned, int,
                            struct timespec *);

static void note(enum kind kind, uint32_t call, uint64_t file, uint64_t offset,
                 int64_t result, const void *bytes, size_t bytes_len);

static void find(void *at, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(at, &found, sizeof found);
}

static void __attribute__((constructor)) begin(void)
{
    const char *path = getenv("BH_FAULTS"), *log = getenv("BH_FAULTS_LOG");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);

    find(&real_pread, "pread64");
    find(&real_pwrite, "pwrite64");
    find(&real_preadv2, "preadv64v2");
    find(&real_pwritev2, "pwritev64v2");
    find(&real_fdatasync, "fdatasync");
    find(&real_sendmmsg, "sendmmsg");
    find(&real_recvmmsg, "recvmmsg");
    pattern = getenv("BH_FAULTS_NAME");
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);

        control = at == MAP_FAILED ? NULL : at;
        close(fd);
    }
    if (log != NULL)
        log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    note(STARTED, 0, 0, 0, 0, NULL, 0);
}

/*
 * The log.
 */

static void note(enum kind kind, uint32_t call, uint64_t file, uint64_t offset,
                 int64_t result, const void *bytes, size_t bytes_len)
{
    struct record record = {.file = file,
                            .offset = offset,
                            .result = result,
                            .call = call,
                            .kind = kind,
                            .bytes_len = (uint32_t)bytes_len};
    struct iovec pieces[2] = {{&record, sizeof record},
                              {(void *)(uintptr_t)bytes, bytes_len}};
    struct timespec now;
    int saved = errno;

    if (log_fd < 0)
        return;
    pthread_mutex_lock(&log_lock);
    clock_gettime(CLOCK_MONOTONIC, &now);
    record.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (writev(log_fd, pieces, 2) != (ssize_t)(sizeof record + bytes_len))
        abort();
    pthread_mutex_unlock(&log_lock);
    errno = saved;
}

/* At most `room` bytes of a message from byte `from` on; their number. */
static size_t peek(const struct msghdr *head, size_t from, uint8_t *bytes,
                   size_t room)
{
    size_t len = 0;

    for (size_t i = 0; i < head->msg_iovlen && len < room; i++) {
        const struct iovec *piece = &head->msg_iov[i];
        size_t take;

        if (from >= piece->iov_len) {
            from -= piece->iov_len;
            continue;
        }
        take = piece->iov_len - from < room - len ? piece->iov_len - from
                                                  : room - len;
        memcpy(bytes + len, (const uint8_t *)piece->iov_base + from, take);
        len += take;
        from = 0;
    }
    return len;
}

/* The length of the datagrams that the kernel is to make of what is sent. */
static size_t segment_of(const struct msghdr *head, size_t total)
{
    struct msghdr copy = *head;
    struct cmsghdr *at;
    uint16_t len;

    for (at = CMSG_FIRSTHDR(&copy); at != NULL; at = CMSG_NXTHDR(&copy, at)) {
        if (at->cmsg_level != SOL_UDP || at->cmsg_type != UDP_SEGMENT)
            continue;
        memcpy(&len, CMSG_DATA(at), sizeof len);
        return len;
    }
    return total;
}

static void note_datagrams(enum kind kind, const struct mmsghdr *message)
{
    const struct msghdr *head = &message->msg_hdr;
    uint8_t bytes[DATAGRAM_KEPT];
    size_t total = 0, each, from = 0;
    struct sockaddr_in6 peer = {0};

    if (head->msg_name != NULL)
        memcpy(&peer, head->msg_name,
               head->msg_namelen < sizeof peer ? head->msg_namelen
                                               : sizeof peer);
    for (size_t i = 0; i < head->msg_iovlen; i++)
        total += head->msg_iov[i].iov_len;
    if (kind == ARRIVED)
        total = message->msg_len;
    each = kind == ARRIVED ? total : segment_of(head, total);
    do {
        size_t len = total - from < each ? total - from : each;

        note(kind, 0, ntohs(peer.sin6_port), 0, (int64_t)len, bytes,
             peek(head, from, bytes, len < sizeof bytes ? len : sizeof bytes));
        from += len;
    } while (from < total);
}

/*
 * Which calls are meant, and what becomes of them.
 */

static bool meant(int fd, uint64_t *inode)
{
    char link[64], path[4096];
    struct stat st;
    ssize_t len;

    if (control == NULL || pattern == NULL)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    if (len <= 0 || fstat(fd, &st) != 0)
        return false;
    path[len] = '\0';
    *inode = st.st_ino;
    return strstr(path, pattern) != NULL;
}

/* In slices, so that a test can end a long delay. */
static void delay(const _Atomic uint32_t *ms)
{
    for (uint32_t waited = 0, whole; waited < (whole = *ms); waited += SLICE_MS)
        usleep(1000 * (whole - waited < SLICE_MS ? whole - waited : SLICE_MS));
}

/* The fault that this call gets. */
static enum fault draw(enum op op)
{
    struct rule *rule = &control->rules[op];
    uint32_t left;

    rule->calls++;
    delay(&rule->delay_ms);
    if (rule->fault == FAULT_NONE)
        return FAULT_NONE;
    left = rule->times;
    do {
        if (left == 0)
            return FAULT_NONE;
    } while (left != UINT32_MAX &&
             !atomic_compare_exchange_weak(&rule->times, &left, left - 1));
    rule->failed++;
    if (rule->fault == FAULT_TORN)
        return left > 1 ? FAULT_HALF : FAULT_ERROR;
    return (enum fault)rule->fault;
}

static int fail(enum op op)
{
    errno = (int)control->rules[op].error;
    return -1;
}

/* The pieces' first half. */
static ssize_t read_half(int fd, const struct iovec *pieces, int count,
                         off_t offset)
{
    size_t total = 0;

    for (int i = 0; i < count; i++)
        total += pieces[i].iov_len;
    total = (total + 1) / 2;
    return real_pread(fd, pieces[0].iov_base,
                      total < pieces[0].iov_len ? total : pieces[0].iov_len,
                      offset);
}

ssize_t preadv64(int fd, const struct iovec *pieces, int count, off_t offset)
{
    uint64_t inode;

    if (!meant(fd, &inode))
        return real_preadv2(fd, pieces, count, offset, 0);
    switch (draw(OP_READ)) {
    case FAULT_ERROR:
        return fail(OP_READ);
    case FAULT_HALF:
        return read_half(fd, pieces, count, offset);
    case FAULT_ZERO:
        return 0;
    default:
        return real_preadv2(fd, pieces, count, offset, 0);
    }
}

/* Whether the daemon only asks if a page is in memory, before a write. */
static bool is_probe(const struct iovec *pieces, int count)
{
    return count == 1 && pieces[0].iov_len == 1;
}

ssize_t preadv64v2(int fd, const struct iovec *pieces, int count, off_t offset,
                   int flags)
{
    uint64_t inode;

    if (!meant(fd, &inode))
        return real_preadv2(fd, pieces, count, offset, flags);
    if (control->rules[OP_READ].fault != FAULT_NONE ||
        (is_probe(pieces, count) &&
         (control->rules[OP_WRITE].fault != FAULT_NONE ||
          control->rules[OP_WRITE].delay_ms > 0))) {
        errno = EAGAIN; /* the call that waits will meet the fault */
        return -1;
    }
    return real_preadv2(fd, pieces, count, offset, flags);
}

static ssize_t write_it(int fd, const void *data, size_t len, off_t offset,
                        uint64_t inode)
{
    uint32_t call = ++calls;
    ssize_t put;

    note(WRITE_BEGIN, call, inode, (uint64_t)offset, 0, data, len);
    put = real_pwrite(fd, data, len, offset);
    note(WRITE_END, call, inode, (uint64_t)offset, put, NULL, 0);
    delay(&control->rules[OP_WRITE].linger_ms);
    return put;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    uint64_t inode;

    if (!meant(fd, &inode))
        return real_pwrite(fd, data, len, offset);
    switch (draw(OP_WRITE)) {
    case FAULT_ERROR:
        return fail(OP_WRITE);
    case FAULT_HALF:
        return write_it(fd, data, (len + 1) / 2, offset, inode);
    case FAULT_ZERO:
        return 0;
    default:
        return write_it(fd, data, len, offset, inode);
    }
}

/* The daemon does not use this one; if it does one day, faults are to be added
 * here. */
ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off_t offset,
                    int flags)
{
    uint64_t inode;

    if (meant(fd, &inode))
        abort();
    return real_pwritev2(fd, pieces, count, offset, flags);
}

int fdatasync(int fd)
{
    uint32_t call = ++calls;
    uint64_t inode;
    int result;

    if (!meant(fd, &inode))
        return real_fdatasync(fd);
    note(SYNC_BEGIN, call, inode, 0, 0, NULL, 0);
    result = draw(OP_SYNC) == FAULT_ERROR ? fail(OP_SYNC) : real_fdatasync(fd);
    note(SYNC_END, call, inode, 0, result, NULL, 0);
    delay(&control->rules[OP_SYNC].linger_ms);
    return result;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    for (unsigned i = 0; i < count; i++)
        note_datagrams(REPLIED, &messages[i]);
    return real_sendmmsg(fd, messages, count, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
             struct timespec *timeout)
{
    int got = real_recvmmsg(fd, messages, count, flags, timeout);

    for (int i = 0; i < got; i++)
        note_datagrams(ARRIVED, &messages[i]);
    return got;
}

/* The same calls under the names that programs without large files use. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite64(fd, data, len, offset);
}

ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t offset)
{
    return preadv64(fd, pieces, count, offset);
}

ssize_t preadv2(int fd, const struct iovec *pieces, int count, off_t offset,
                int flags)
{
    return preadv64v2(fd, pieces, count, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t offset,
                 int flags)
{
    return pwritev64v2(fd, pieces, count, offset, flags);
}
