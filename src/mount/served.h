/* SPDX-License-Identifier: MIT */
/*
 * A mount that is served: what the kernel asks (tree.c, io.c), what the disk is
 * asked (calls.h), and what is known of both. One thread does it all: a request
 * of the kernel becomes a call, and the call's end is the answer.
 */
#ifndef BH_MOUNT_SERVED_H
#define BH_MOUNT_SERVED_H

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>

#include <sys/types.h>

#include "client/blockhead.h"
#include "mount/calls.h"
#include "mount/files.h"

#define SPARES_MAX 16u

struct served {
    struct bh_disk *disk; /* owned by the command */
    struct bh_info info;
    struct fuse_session *session;
    struct calls calls;
    struct files files;
    struct fuse_buf request;  /* that is being taken apart */
    void *spares[SPARES_MAX]; /* buffers for requests */
    unsigned spare_count;
    uint64_t changes, stable; /* counted: started, and covered by a FLUSH */
    bool read_only;
    bool cached; /* by the kernel: nobody else can change the volume */
    mode_t mask; /* permissions that nobody gets */
    uid_t owner;
    gid_t group;
};

static inline struct served *served_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

#endif
