/* SPDX-License-Identifier: MIT */
#include "net/local_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_LEN (2 * 1024 * 1024)
#define QUEUE_FILE "/proc/sys/net/unix/max_dgram_qlen"
#define QUEUE_DEFAULT 10u

int bh_local_client_find(int fd, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof at.sun_path)
        return -ENAMETOOLONG;
    strcpy(at.sun_path, path);
    return connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? 0
                                                                     : -errno;
}

/* An address of no more than its family asks for a name: unix(7). */
static int bind_any(int fd)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};

    return bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family) == 0
               ? 0
               : -errno;
}

int bh_local_client_open(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int len = BUFFER_LEN, error;

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
    error = bind_any(fd);
    if (error == 0)
        error = bh_local_client_find(fd, path);
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

unsigned bh_local_client_queue(void)
{
    FILE *file = fopen(QUEUE_FILE, "re");
    char line[24] = "";
    unsigned long count;

    if (file == NULL)
        return QUEUE_DEFAULT;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = 0;
    fclose(file);
    count = strtoul(line, NULL, 10);
    return count > 0 && count < UINT_MAX ? (unsigned)count : QUEUE_DEFAULT;
}
