/* SPDX-License-Identifier: MIT */
#include "board.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

struct board *board_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;

    if (fd < 0)
        return NULL;
    if (ftruncate(fd, sizeof(struct board)) == 0)
        at = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
                  MAP_SHARED, fd, 0);
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

void board_raise(_Atomic uint64_t *at, uint64_t value)
{
    uint64_t old = atomic_load(at);

    while (old < value && !atomic_compare_exchange_weak(at, &old, value))
        ;
}
