/* SPDX-License-Identifier: MIT */
/*
 * A Unix socket's place in the file system. What a killed server has left there
 * is replaced; another server's socket, or a file that is none, is not.
 */
#ifndef BH_NET_SOCKET_FILE_H
#define BH_NET_SOCKET_FILE_H

#include <stdint.h>
#include <sys/types.h>

/* The longest path, with its NUL. */
#define BH_SOCKET_PATH_LEN 108u

struct bh_socket_file {
    int fd; /* bound, and does not block; -1 */
    char path[BH_SOCKET_PATH_LEN];
    uint64_t device, inode;
};

/* Binds a socket of this `type` (SOCK_STREAM, SOCK_DGRAM) there, with this mode
 * from its first moment on. Two seconds are given to a server that is just
 * ending. 0, or a negative errno value: -EADDRINUSE for another server's,
 * -EEXIST for a file that is no socket. */
int bh_socket_file_bind(struct bh_socket_file *file, const char *path, int type,
                        mode_t mode);

/* Removes the file, if it is still this one. Also for one that was never bound,
 * but zero. */
void bh_socket_file_close(struct bh_socket_file *file);

/* What such an error means, but for "another server has it"; NULL: strerror()
 * knows. */
const char *bh_socket_file_explain(int error);

#endif
