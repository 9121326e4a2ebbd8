/* SPDX-License-Identifier: MIT */
/* The bytes of a volume, added up by four threads that share one session. */
#include <blockhead.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#define THREADS 4
#define PIECE 65536

struct part {
    struct bh_share *share;
    pthread_t thread;
    uint64_t offset, len, sum;
    char error[512];
    int rc;
};

static void *add_up(void *context)
{
    struct part *part = context;
    unsigned char bytes[PIECE];
    uint64_t at, i, len;

    for (at = 0; at < part->len && part->rc == 0; at += len) {
        len = part->len - at < PIECE ? part->len - at : PIECE;
        part->rc = bh_share_pread(part->share, part->offset + at, len, bytes,
                                  part->error, sizeof part->error);
        for (i = 0; i < len && part->rc == 0; i++)
            part->sum += bytes[i];
    }
    return NULL;
}

/* 0, or the first error, which has been told. */
static int add_all(struct bh_share *share, uint64_t size, uint64_t *sum)
{
    struct part parts[THREADS] = {{0}};
    uint64_t len = size / THREADS;
    int i, rc = 0;

    for (i = 0; i < THREADS; i++) {
        parts[i].share = share;
        parts[i].offset = len * i;
        parts[i].len = i == THREADS - 1 ? size - len * i : len;
        if (pthread_create(&parts[i].thread, NULL, add_up, &parts[i]) != 0)
            return -1;
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(parts[i].thread, NULL);
        *sum += parts[i].sum;
        if (parts[i].rc == 0)
            continue;
        rc = parts[i].rc;
        fprintf(stderr, "%s\n", parts[i].error);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct bh_disk *disk = bh_disk_new();
    struct bh_share *share = NULL;
    uint64_t size, sum = 0;
    int rc;

    if (disk == NULL || argc != 2)
        return 2;
    if (bh_disk_open_best(disk, argv[1], BH_OPEN_READ_ONLY) != 0) {
        fprintf(stderr, "%s\n", bh_disk_error(disk));
        return 1;
    }
    size = bh_disk_size(disk);
    share = bh_share_new(disk);
    rc = share == NULL ? -1 : add_all(share, size, &sum);
    bh_share_free(share);
    if (rc == 0)
        printf("%" PRIu64 "\n", sum);
    bh_disk_close(disk);
    bh_disk_free(disk);
    return rc != 0;
}
