/* SPDX-License-Identifier: MIT */
#include "daemon/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 8

static const char *explain(int error)
{
    const char *why = bh_socket_file_explain(error);

    if (error == -EADDRINUSE)
        return "another server has it; name another one";
    return why == NULL ? strerror(-error) : why;
}

int bh_door_open(struct bh_door *door, const char *path,
                 char problem[BH_PROBLEM_LEN])
{
    int error = bh_socket_file_bind(&door->file, path, SOCK_STREAM, 0600);

    if (error == 0 && listen(door->file.fd, BACKLOG) != 0) {
        error = -errno;
        bh_door_close(door);
    }
    if (error != 0)
        snprintf(problem, BH_PROBLEM_LEN,
                 "cannot make the control socket '%.120s': %s (--control PATH)",
                 path, explain(error));
    return error;
}

void bh_door_close(struct bh_door *door)
{
    bh_socket_file_close(&door->file);
}
