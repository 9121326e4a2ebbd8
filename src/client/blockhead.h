/* SPDX-License-Identifier: MIT */
/*
 * libblockhead: sectors of a Blockhead server's disk images, for POSIX
 * programs. blockhead(3) has a page for each call and an example.
 *
 * Threads: one struct bh_disk belongs to one thread at a time; different disks
 * may be used from different threads at once. Nothing here is global. For many
 * threads on one disk there is struct bh_share.
 *
 * Errors: every call that can fail returns 0 or a negative errno value, and
 * bh_disk_error() then holds a sentence for a person. Server statuses become:
 *   1 out of sessions       -EUSERS     9  in use          -EBUSY
 *   2 no such image         -ENOENT     10 no medium       -ENOMEDIUM
 *   3 bad packet format     -EPROTO     11 medium changed  -ESTALE
 *   4 bad session id        -ESTALE     12 storage error   -EIO
 *   5 no such sector        -ERANGE     13 no space        -ENOSPC
 *   6 short read or write   -EIO        14 not authorised  -EACCES
 *   7 bad flags or size     -EINVAL     15 unknown opcode  -EOPNOTSUPP
 *   8 read-only             -EROFS      16 busy             -EAGAIN
 *                                       other              -EPROTO
 * No answer within the time-out is -ETIMEDOUT. A port where nobody listens is
 * -ECONNREFUSED only after the same time-out, because a server that restarts
 * looks just like that; so is what else the network reports, as -EHOSTUNREACH.
 * A sector that no datagram on this path can carry is -EMSGSIZE at once.
 *
 * Sessions are strict where the server knows that (info->strict): a request is
 * carried out at most once, and no late datagram passes for its answer. After
 * one that timed out, and when those that ran beside it are over, the next
 * begins with a new session. A server without strict sessions gets default
 * ones.
 *
 * When the server has lost the session (restart, takeover), the disk wins a new
 * one by itself, if the image is certain to be as it was left. If it is not,
 * -ESTALE lasts until the disk is opened again, or -EBUSY if another session
 * has the image.
 *
 * When the medium of a slot was changed, or an image rolled back, every request
 * fails with -ESTALE and status 11, bh_disk_status(), and nothing is sent: what
 * was written before is on the medium of before, and what was not is not
 * written to another. That lasts until bh_disk_identify(), which tells what is
 * there now, or until the disk is opened again. An empty slot is -ENOMEDIUM for
 * as long as it is empty.
 *
 * A strict session has a lease (info->lease_seconds), which each request
 * renews. There is no thread behind a disk: between requests the lease is
 * renewed only by bh_disk_process(), when a third of it has passed. A
 * session whose lease ran out goes on until another client takes the volume.
 */
#ifndef BLOCKHEAD_H
#define BLOCKHEAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BH_DEFAULT_PORT 4444
#define BH_DEFAULT_TIMEOUT_MS 30000

enum bh_url_kind {
    BH_URL_UDP,
    BH_URL_TCP,
    BH_URL_UNIX,
    BH_URL_SERIAL,
    BH_URL_ETHER
};

/* A parsed URL; `?sector=N` may follow each of them:
 *     blockhead://host[:port]/image
 *     blockhead+tcp://host[:port]/image         a serial line over TCP
 *     blockhead+unix:///image?socket=PATH       a Unix datagram socket
 *     blockhead+serial://DEVICE:BAUD[:rtscts]/image
 *     blockhead+ether://INTERFACE/ADDRESS/image  raw frames; needs CAP_NET_RAW
 */
struct bh_url {
    char host[256];  /* name or address; IPv6 without its brackets; the path of
                        a socket or a device; "INTERFACE/ADDRESS" */
    uint16_t port;   /* 4444 unless the URL names one */
    char image[256]; /* percent-decoded; empty: the server's default image */
    uint32_t sector_len; /* bytes: 128 to 16384, a power of two; 0: not said */
    enum bh_url_kind kind;
    uint32_t baud; /* of a serial line */
    int rtscts;    /* its flow control is by RTS and CTS */
};

/* Parses `text` into `out`. -EINVAL with a sentence in `error` (of `error_len`
 * bytes, may be NULL) that says what is wrong. */
int bh_url_parse(const char *text, struct bh_url *out, char *error,
                 size_t error_len);

/* Prints the URL, which comes back as `url` from bh_url_parse(): its length,
 * which may be more than fits. BH_URL_LEN bytes are enough for any. */
size_t bh_url_print(const struct bh_url *url, char *out, size_t out_len);
#define BH_URL_LEN 1664u

/* Bits of info->features, of what is not always there. */
enum bh_feature {
    BH_FEATURE_EJECT = 1 << 4,
    BH_FEATURE_LOCK = 1 << 5,
    BH_FEATURE_UNLOCK = 1 << 6,
    BH_FEATURE_TRIM = 1 << 7,
    BH_FEATURE_ZERO = 1 << 8,
    BH_FEATURE_CHECKSUM = 1 << 9,
    BH_FEATURE_TIME = 1 << 10,
    BH_FEATURE_READ_RUN = 1 << 11,
    BH_FEATURE_CHECKPOINT = 1 << 12
};

/* What the server says of a volume, or of itself (IDENTIFY). */
struct bh_info {
    uint32_t sector_len;     /* bytes per sector of this session */
    uint64_t sector_count;   /* of that size, rounded up; 0: not known, the
                                server is too old to say */
    uint64_t change_counter; /* rises with each writing session */
    uint64_t instance;       /* of the server's session table */
    uint64_t utc_seconds;    /* the server's clock, since 1970 */
    int32_t zone_minutes;    /* its local time minus UTC */
    uint32_t features;       /* bit n: opcode n is known */
    uint32_t job_len;        /* bytes that one checksum may cover; 0: none */
    uint16_t window;         /* requests that may be started at a time, and
                                sectors under way: 1 to 64, and 1 in default
                                sessions */
    uint16_t preferred_run;  /* sectors that the server reads at one request */
    uint16_t lease_seconds;  /* 0: none */
    unsigned read_only : 1, removable : 1, locked : 1, shared : 1, scratch : 1,
        may_grow : 1, keyed : 1;
    unsigned strict : 1; /* the session is */
    char name[65];       /* the volume's, or the server's */
};

/* Counters of one disk since bh_disk_new(). */
struct bh_stats {
    uint64_t requests;        /* answered */
    uint64_t retransmissions; /* datagrams sent again */
    uint64_t strays;          /* datagrams that matched no request */
    uint64_t reconnections;   /* sessions lost and won again */
    uint32_t srtt_us;         /* smoothed round trip; 0: none measured */
    uint32_t rto_us;          /* the time-out that follows from it */
};

enum bh_open_flags {
    BH_OPEN_READ_ONLY = 1, /* a reader: several may read at once */
    BH_OPEN_LOOK = 2       /* a lockless look, also at a volume being written;
                              may see the state between two writes */
};

/* The time of the server. */
struct bh_time {
    uint64_t utc_seconds; /* since 1970 */
    int32_t zone_minutes; /* its local time minus UTC */
    uint16_t year;        /* this and what follows is local time */
    uint8_t month, day;   /* from 1 on */
    uint8_t hour, minute, second;
    uint8_t weekday; /* 0: Sunday */
};

struct bh_disk;

/* A disk that is not open yet; NULL if there is no memory. */
struct bh_disk *bh_disk_new(void);

/* Closes what is open, without waiting for an answer, and frees. NULL is
 * allowed. For an orderly end call bh_disk_close() first. */
void bh_disk_free(struct bh_disk *disk);

/* How long a request is retransmitted before it fails with -ETIMEDOUT; of many
 * sectors, how long without an answer to any. Default BH_DEFAULT_TIMEOUT_MS.
 * Takes effect with the next request. */
void bh_disk_set_timeout(struct bh_disk *disk, uint32_t timeout_ms);

/* The sentence of the last failure; empty if there was none. Owned by the
 * disk, valid until the next call on it. */
const char *bh_disk_error(const struct bh_disk *disk);

/* The status byte behind the last failure, 0 if it did not come from the
 * server. */
uint8_t bh_disk_status(const struct bh_disk *disk);

void bh_disk_stats(const struct bh_disk *disk, struct bh_stats *out);

/*
 * Blocking calls. Each waits until the answer is there or the time-out is over.
 */

/* Connects to the volume of `url` (sector length: the URL's, else 512) with
 * BH_OPEN_ flags, proves the session and learns the volume's size. A disk that
 * is open is left first. Sectors above 1024 bytes work only where the path
 * carries such datagrams whole (loopback, jumbo frames). */
int bh_disk_open(struct bh_disk *disk, const char *url, unsigned flags);

/* Likewise, but where the URL says no sector length it is the longest, from 128
 * to 4096 bytes, that divides the image's length and that server and path
 * carry. A lockless look finds that length first, and a read tries sectors
 * above 1024 bytes. */
int bh_disk_open_best(struct bh_disk *disk, const char *url, unsigned flags);

/* 1 from an open on, 0 before, after a close, and when the session was lost for
 * good: then every request fails until the disk is opened again. */
int bh_disk_is_open(const struct bh_disk *disk);

/* What the server said at open; refreshed by bh_disk_identify(). */
const struct bh_info *bh_disk_info(const struct bh_disk *disk);
int bh_disk_identify(struct bh_disk *disk);

/* The volume's length in bytes: that of its sectors, of which the last may be
 * there in part only. 0: not known, or not open. */
uint64_t bh_disk_size(const struct bh_disk *disk);

/* One sector of info->sector_len bytes to or from `data`. After a read that
 * failed `data` may hold anything; a write that timed out may have happened. */
int bh_disk_read(struct bh_disk *disk, uint32_t lsn, void *data);
int bh_disk_write(struct bh_disk *disk, uint32_t lsn, const void *data);

/* Likewise `count` sectors from `lsn` on, one at least, as many at a time as
 * window and path allow. The result is that of the first that failed, which
 * bh_disk_error() names; the others may have been moved or not. */
int bh_disk_read_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                     void *data);
int bh_disk_write_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                      const void *data);

/* Likewise `len` bytes, of any sectors or parts of them, from byte `offset` on;
 * none is allowed. A sector that is written in part is read first, and no other
 * request of this disk touches it in between. But another session may: on a
 * shared volume, write whole sectors. -ENOMEM if there is no room for those
 * parts, which takes two sectors for each request of the window. */
int bh_disk_pread(struct bh_disk *disk, uint64_t offset, size_t len,
                  void *data);
int bh_disk_pwrite(struct bh_disk *disk, uint64_t offset, size_t len,
                   const void *data);

/* Returns when everything acknowledged is on the server's stable storage. */
int bh_disk_flush(struct bh_disk *disk);

/*
 * What only some servers know: info->features tells. The others get none of
 * it, and the call fails with -EOPNOTSUPP. All but bh_disk_checksum() and
 * bh_disk_time() need a session that may write.
 */

/* `count` sectors from `lsn` on, one at least, read as zeros from now on; with
 * trim the server may also give their space back. None may lie behind the
 * volume's end, which does not move. Of many sectors a part may be done when
 * the call fails. */
int bh_disk_trim(struct bh_disk *disk, uint32_t lsn, uint32_t count);
int bh_disk_zero(struct bh_disk *disk, uint32_t lsn, uint32_t count);

/* The CRC-32 (IEEE 802.3, as of gzip) of `count` sectors, of at most
 * info->job_len bytes, into `*crc`. What the volume lacks of its last sector
 * counts as zeros. */
int bh_disk_checksum(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                     uint32_t *crc);

int bh_disk_time(struct bh_disk *disk, struct bh_time *out);

/* Keeps a copy of the volume as of now, for the server's administrator to
 * restore: of all writes that are acknowledged, and of none that is started
 * later. `label` is its name, printable ASCII of at most 64 bytes; NULL or
 * empty: none. The copy may take longer than other requests, and the time-out
 * is the same for all: see bh_disk_set_timeout(). */
int bh_disk_checkpoint(struct bh_disk *disk, const char *label);

/* Takes the medium out of a slot, when all that was written is on stable
 * storage. -EBUSY: another session has locked it in. For info->removable disks;
 * of others -EOPNOTSUPP. So are the next two. A disk opened to read has the
 * right, one that only looks has not: -EROFS. */
int bh_disk_eject(struct bh_disk *disk);

/* Keeps the medium in its slot until bh_disk_unlock() or the end of the
 * session: others cannot eject it, nor an administrator who does not insist.
 * With a session that is lost the lock is, and then -ESTALE lasts. */
int bh_disk_lock(struct bh_disk *disk);
int bh_disk_unlock(struct bh_disk *disk);

/* Ends the session; the server makes all writes stable before it answers. The
 * disk may be opened again. */
int bh_disk_close(struct bh_disk *disk);

/*
 * The poll-able form: several requests at a time, without waiting for any.
 *
 *     start ... start     up to info->window requests, each with a tag of yours
 *     bh_disk_process()   receives, sends what was started, sends again
 *     bh_disk_next()      hands back those that are over, tag and result
 *     wait                until bh_disk_fd() is readable, or for
 *                         bh_disk_wait_ms() milliseconds
 *
 * A start call returns 0, and then the request is handed back by bh_disk_next()
 * once, with its tag; or a negative errno, and then there is no request: -EBUSY
 * if info->window requests are started and not handed back yet. `data` belongs
 * to the disk until the request is handed back, or the disk is closed or
 * freed. Tags belong to the caller: any pointer, NULL too.
 *
 * What is started leaves with the next bh_disk_process(), all of it together:
 * start all that is wanted first. bh_disk_wait_ms() is 0 until then. READs of
 * sectors that follow each other, of one request or of several, become one
 * datagram where the server knows that (info->preferred_run). A request may
 * be about any number of sectors: as many of them as window and path allow are
 * under way at a time.
 *
 * Requests may end in any order. But
 *   - of two that have a sector in common and of which either changes it (a
 *     write, trim or zero), the second begins when the first is over, so that
 *     it is as if they ran in the order in which they were started;
 *   - a flush or checkpoint covers every change that was started before it and
 *     did not fail, and a checkpoint none that was started after it,
 *   - identify, eject, lock and unlock run alone, in their turn.
 * All are held back inside the library where they have to be. When the server
 * has lost the session, all requests that have no answer are sent again in
 * their order, or all fail with the error that lasts (above).
 *
 * An open and a close are started alone: -EBUSY while any request is not
 * handed back. So are all blocking calls.
 */

/* A request that is over. After a failure bh_disk_error() and bh_disk_status()
 * speak of the one that was handed back last. */
struct bh_done {
    void *tag;  /* of the start call */
    int result; /* 0 or a negative errno */
};

/* Looking up a host's name blocks in bh_disk_start_open() as well. */
int bh_disk_start_open(struct bh_disk *disk, const char *url, unsigned flags,
                       void *tag);
int bh_disk_start_identify(struct bh_disk *disk, void *tag);
int bh_disk_start_read(struct bh_disk *disk, uint32_t lsn, void *data,
                       void *tag);
int bh_disk_start_write(struct bh_disk *disk, uint32_t lsn, const void *data,
                        void *tag);
int bh_disk_start_read_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                           void *data, void *tag);
int bh_disk_start_write_run(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                            const void *data, void *tag);
int bh_disk_start_pread(struct bh_disk *disk, uint64_t offset, size_t len,
                        void *data, void *tag);
int bh_disk_start_pwrite(struct bh_disk *disk, uint64_t offset, size_t len,
                         const void *data, void *tag);
int bh_disk_start_flush(struct bh_disk *disk, void *tag);
int bh_disk_start_trim(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                       void *tag);
int bh_disk_start_zero(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                       void *tag);
int bh_disk_start_checksum(struct bh_disk *disk, uint32_t lsn, uint32_t count,
                           uint32_t *crc, void *tag);
int bh_disk_start_time(struct bh_disk *disk, struct bh_time *out, void *tag);
int bh_disk_start_checkpoint(struct bh_disk *disk, const char *label,
                             void *tag);
int bh_disk_start_eject(struct bh_disk *disk, void *tag);
int bh_disk_start_lock(struct bh_disk *disk, void *tag);
int bh_disk_start_unlock(struct bh_disk *disk, void *tag);
int bh_disk_start_close(struct bh_disk *disk, void *tag);

/* A descriptor to poll for reading; -1 before an open, and while a serial line
 * or a TCP connection is gone (poll() takes that for one on which nothing
 * comes). It may change then, and while an open runs (a host's addresses are
 * tried in turn): ask before each wait. */
int bh_disk_fd(const struct bh_disk *disk);

/* Milliseconds until bh_disk_process() or bh_disk_next() has something to do;
 * -1: nothing, unless the descriptor becomes readable. While no request runs
 * that is the time until the lease is to be renewed. */
int bh_disk_wait_ms(const struct bh_disk *disk);

/* Takes what has arrived, sends what is due, and renews the lease. Returns how
 * many requests are not over yet. */
int bh_disk_process(struct bh_disk *disk);

/* Hands back a request that is over: 1, the one that was started first if there
 * are several. 0 if there is none. */
int bh_disk_next(struct bh_disk *disk, struct bh_done *out);

/*
 * A disk for several threads: each call waits for its own request, and as many
 * run at a time as the window allows.
 *
 * Errors are those of the disk, and the sentence goes to `error` of `error_len`
 * bytes, which may be NULL. Offsets and lengths are in bytes, and need not be
 * those of sectors.
 */
struct bh_share;

/* Borrows a disk that is open: nothing else may use it until bh_share_free().
 * What bh_disk_info() and bh_disk_size() say has to be asked before. A thread
 * of the share's own keeps the lease; so fork first. NULL if there is no
 * memory, thread or descriptor. */
struct bh_share *bh_share_new(struct bh_disk *disk);

/* Gives the disk back to its owner, as it is. No call may run any more. */
void bh_share_free(struct bh_share *share);

/* As bh_disk_is_open(). */
int bh_share_is_open(struct bh_share *share);

/* As bh_disk_close(), once the calls that run have returned; all later ones
 * fail with -ENOTCONN. The share is still to be freed. */
int bh_share_close(struct bh_share *share, char *error, size_t error_len);

int bh_share_pread(struct bh_share *share, uint64_t offset, size_t len,
                   void *data, char *error, size_t error_len);
int bh_share_pwrite(struct bh_share *share, uint64_t offset, size_t len,
                    const void *data, char *error, size_t error_len);

/* Covers every call that had returned before, of whatever thread. */
int bh_share_flush(struct bh_share *share, char *error, size_t error_len);

/* As bh_disk_trim(), but only of the sectors that lie whole in the range: the
 * rest stays as it is. */
int bh_share_trim(struct bh_share *share, uint64_t offset, uint64_t len,
                  char *error, size_t error_len);

#define BH_ZERO_MAY_TRIM 1u /* space may be given back */

/* Every byte of the range is zero afterwards. */
int bh_share_zero(struct bh_share *share, uint64_t offset, uint64_t len,
                  unsigned flags, char *error, size_t error_len);

/*
 * Servers, without a volume.
 */

/* One KEEP to `url`'s host and port and back. `*rtt_us`: the round trip. */
int bh_server_ping(const struct bh_url *url, uint32_t timeout_ms,
                   uint32_t *rtt_us, char *error, size_t error_len);

/* What the server says of itself: IDENTIFY with session id 0. */
int bh_server_info(const struct bh_url *url, uint32_t timeout_ms,
                   struct bh_info *out, char *error, size_t error_len);

struct bh_found {
    enum bh_url_kind kind; /* UDP or ETHER */
    char host[64];         /* numeric address, with its scope if it needs one;
                              "INTERFACE/ADDRESS" */
    uint16_t port;
    uint32_t rtt_us;
};

/* Sends KEEP to this machine, to every broadcast address and to ff02::1 on
 * every interface, and in raw frames where this process may send them, and
 * collects who answers within `wait_ms`. At most `max` entries of `out` are
 * filled, each address once, in order of arrival. Returns their number, or a
 * negative errno. */
int bh_find(uint16_t port, uint32_t wait_ms, struct bh_found *out, size_t max);

#ifdef __cplusplus
}
#endif
#endif
