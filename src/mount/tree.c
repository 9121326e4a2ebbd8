/* SPDX-License-Identifier: MIT */
#include "mount/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "mount/io.h"

#define BLOCK_LEN 512u
#define BACKGROUND 64u /* requests that nobody waits for, at a time */

/* Of what the kernel remembers. Names come and go with the partition table. */
#define ATTRIBUTES_S 1.0

static struct file *file_of(fuse_req_t req, fuse_ino_t inode)
{
    return &served_of(req)->files.all[inode - TREE_INODE_FIRST];
}

/*
 * Attributes.
 */

static struct stat attributes(const struct served *served, unsigned number)
{
    const struct file *file = &served->files.all[number];
    const mode_t mode = served->read_only ? 0444 : 0666;

    return (struct stat){
        .st_ino = TREE_INODE_FIRST + number,
        .st_mode = S_IFREG | (mode & ~served->mask),
        .st_nlink = 1,
        .st_uid = served->owner,
        .st_gid = served->group,
        .st_size = (off_t)file->len,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((file->len + BLOCK_LEN - 1) / BLOCK_LEN),
        .st_atim = file->used,
        .st_mtim = file->changed,
        .st_ctim = file->changed,
    };
}

static struct stat directory(const struct served *served)
{
    const struct file *image = &served->files.all[0];

    return (struct stat){
        .st_ino = FUSE_ROOT_ID,
        .st_mode = S_IFDIR | (0555 & ~served->mask),
        .st_nlink = 2,
        .st_uid = served->owner,
        .st_gid = served->group,
        .st_atim = image->used,
        .st_mtim = image->used,
        .st_ctim = image->used,
    };
}

static void reply_attributes(fuse_req_t req, fuse_ino_t inode)
{
    const struct served *served = served_of(req);
    const struct stat found =
        inode == FUSE_ROOT_ID
            ? directory(served)
            : attributes(served, (unsigned)(inode - TREE_INODE_FIRST));

    fuse_reply_attr(req, &found, ATTRIBUTES_S);
}

static void on_getattr(fuse_req_t req, fuse_ino_t inode,
                       struct fuse_file_info *info)
{
    (void)info;
    reply_attributes(req, inode);
}

static struct timespec time_of(int to_set, int now_bit,
                               const struct timespec *wanted)
{
    struct timespec time = *wanted;

    if (to_set & now_bit)
        clock_gettime(CLOCK_REALTIME, &time);
    return time;
}

/* Times are kept until the end of the mount; a disk has no other length than
 * its own, and the rest is not its own to say. */
static void on_setattr(fuse_req_t req, fuse_ino_t inode, struct stat *wanted,
                       int to_set, struct fuse_file_info *info)
{
    struct file *file;

    (void)info;
    if (inode == FUSE_ROOT_ID ||
        to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
        fuse_reply_err(req, EPERM);
        return;
    }
    file = file_of(req, inode);
    if (to_set & FUSE_SET_ATTR_SIZE && (uint64_t)wanted->st_size != file->len) {
        fuse_reply_err(req, EPERM);
        return;
    }
    if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
        file->used = time_of(to_set, FUSE_SET_ATTR_ATIME_NOW, &wanted->st_atim);
    if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
        file->changed =
            time_of(to_set, FUSE_SET_ATTR_MTIME_NOW, &wanted->st_mtim);
    reply_attributes(req, inode);
}

static void on_statfs(fuse_req_t req, fuse_ino_t inode)
{
    const struct served *served = served_of(req);
    const struct statvfs found = {
        .f_bsize = 4096,
        .f_frsize = BLOCK_LEN,
        .f_blocks = (fsblkcnt_t)attributes(served, 0).st_blocks,
        .f_namemax = FILES_NAME_LEN - 1,
    };

    (void)inode;
    fuse_reply_statfs(req, &found);
}

/*
 * The directory.
 */

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct served *served = served_of(req);
    struct file *file = files_find(&served->files, name);
    struct fuse_entry_param entry = {.attr_timeout = ATTRIBUTES_S};

    if (parent != FUSE_ROOT_ID || file == NULL) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    entry.attr = attributes(served, files_number(&served->files, file));
    entry.ino = entry.attr.st_ino;
    fuse_reply_entry(req, &entry);
}

struct listing {
    fuse_req_t req;
    char bytes[4096];
    size_t len, max;
};

/* `next` is where a reader goes on that has taken this entry. */
static bool list_one(struct listing *listing, const char *name,
                     const struct stat *stat, off_t next)
{
    size_t len =
        fuse_add_direntry(listing->req, listing->bytes + listing->len,
                          listing->max - listing->len, name, stat, next);

    if (len > listing->max - listing->len)
        return false;
    listing->len += len;
    return true;
}

static bool list_at(struct listing *listing, const struct served *served,
                    off_t at)
{
    const struct stat root = directory(served);
    char name[FILES_NAME_LEN];
    struct stat stat;

    if (at < 2)
        return list_one(listing, at == 0 ? "." : "..", &root, at + 1);
    if (!served->files.all[at - 2].there)
        return true;
    files_name((unsigned)(at - 2), name);
    stat = attributes(served, (unsigned)(at - 2));
    return list_one(listing, name, &stat, at + 1);
}

static void on_readdir(fuse_req_t req, fuse_ino_t inode, size_t size, off_t at,
                       struct fuse_file_info *info)
{
    const struct served *served = served_of(req);
    struct listing listing = {.req = req};

    (void)inode;
    (void)info;
    listing.max = size < sizeof(listing.bytes) ? size : sizeof(listing.bytes);
    while (at < 3 + (off_t)FILES_PARTITIONS_MAX &&
           list_at(&listing, served, at))
        at++;
    fuse_reply_buf(req, listing.bytes, listing.len);
}

/* Without an answer of ours programs would be told that this is not
 * implemented, and try something else. */
static void on_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
                     mode_t mode, dev_t device)
{
    (void)parent;
    (void)name;
    (void)mode;
    (void)device;
    fuse_reply_err(req, served_of(req)->read_only ? EROFS : EPERM);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
                     mode_t mode)
{
    on_mknod(req, parent, name, mode, 0);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    on_mknod(req, parent, name, 0, 0);
}

static void on_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name,
                      unsigned int flags)
{
    (void)new_parent;
    (void)new_name;
    on_mknod(req, parent, name, flags, 0);
}

/*
 * Files.
 */

static bool wants_to_write(const struct fuse_file_info *info)
{
    return (info->flags & O_ACCMODE) != O_RDONLY;
}

static void on_open(fuse_req_t req, fuse_ino_t inode,
                    struct fuse_file_info *info)
{
    struct served *served = served_of(req);

    if (inode == FUSE_ROOT_ID) {
        fuse_reply_err(req, EISDIR);
        return;
    }
    if (served->read_only && wants_to_write(info)) {
        fuse_reply_err(req, EROFS);
        return;
    }
    info->fh = wants_to_write(info);
    info->direct_io = !served->cached;
    info->keep_cache = files_open(file_of(req, inode)) && served->cached;
    if (fuse_reply_open(req, info) == -ENOENT)
        files_close(file_of(req, inode)); /* it was interrupted */
}

/* A table that could not be taken while its partitions were open is looked at
 * again. */
static void on_release(fuse_req_t req, fuse_ino_t inode,
                       struct fuse_file_info *info)
{
    struct served *served = served_of(req);

    (void)info;
    files_close(file_of(req, inode));
    fuse_reply_err(req, 0);
    if (served->files.doubtful && served->stable == served->changes)
        io_scan(served);
}

static void on_read(fuse_req_t req, fuse_ino_t inode, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    (void)info;
    io_read(req, file_of(req, inode), (uint64_t)offset, size);
}

static void on_write(fuse_req_t req, fuse_ino_t inode, const char *data,
                     size_t size, off_t offset, struct fuse_file_info *info)
{
    (void)info;
    io_write(req, file_of(req, inode), (uint64_t)offset, size, data);
}

static void on_fsync(fuse_req_t req, fuse_ino_t inode, int data_only,
                     struct fuse_file_info *info)
{
    (void)inode;
    (void)data_only;
    (void)info;
    if (served_of(req)->read_only)
        fuse_reply_err(req, 0);
    else
        io_flush(req);
}

/* A file is closed, by one of those who have it open. */
static void on_flush(fuse_req_t req, fuse_ino_t inode,
                     struct fuse_file_info *info)
{
    const struct served *served = served_of(req);

    if (served->stable == served->changes || !info->fh)
        fuse_reply_err(req, 0);
    else
        on_fsync(req, inode, 0, info);
}

/* What `mode` asks for: 0, or why that is not to be had. */
static int check_mode(const struct served *served, int mode)
{
    const bool trim = mode & FALLOC_FL_PUNCH_HOLE;
    const uint32_t feature = trim ? BH_FEATURE_TRIM : BH_FEATURE_ZERO;
    const int rest =
        mode & ~(trim ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

    if (mode == rest || (rest != 0 && rest != FALLOC_FL_KEEP_SIZE))
        return EOPNOTSUPP;
    if (served->read_only)
        return EROFS;
    return served->info.strict && served->info.features & feature ? 0
                                                                  : EOPNOTSUPP;
}

static void on_fallocate(fuse_req_t req, fuse_ino_t inode, int mode,
                         off_t offset, off_t len, struct fuse_file_info *info)
{
    const struct file *file = file_of(req, inode);
    int error = check_mode(served_of(req), mode);
    uint64_t fits = offset < 0 || (uint64_t)offset >= file->len
                        ? 0
                        : file->len - (uint64_t)offset;

    (void)info;
    if (error == 0 && (uint64_t)len > fits && !(mode & FALLOC_FL_KEEP_SIZE))
        error = ENOSPC;
    if (error != 0) {
        fuse_reply_err(req, error);
        return;
    }
    io_clear(req, file_of(req, inode), (uint64_t)offset,
             (uint64_t)len < fits ? (uint64_t)len : fits,
             mode & FALLOC_FL_PUNCH_HOLE);
}

/* Splicing costs more than it saves here: what is sent has just been received,
 * and is in the processor's cache. The volume changes through us alone, so what
 * the kernel has cached is good whatever the times say. That an open() wants no
 * bytes left is to be asked apart, so that it can be refused. */
static void on_init(void *context, struct fuse_conn_info *connection)
{
    (void)context;
    connection->want &=
        ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
                    FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA |
                    FUSE_CAP_READDIRPLUS | FUSE_CAP_ATOMIC_O_TRUNC);
    connection->max_background = BACKGROUND;
    connection->congestion_threshold = BACKGROUND;
}

const struct fuse_lowlevel_ops tree_operations = {
    .init = on_init,
    .lookup = on_lookup,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .statfs = on_statfs,
    .readdir = on_readdir,
    .mknod = on_mknod,
    .mkdir = on_mkdir,
    .unlink = on_unlink,
    .rmdir = on_unlink,
    .rename = on_rename,
    .open = on_open,
    .release = on_release,
    .read = on_read,
    .write = on_write,
    .flush = on_flush,
    .fsync = on_fsync,
    .fallocate = on_fallocate,
};
