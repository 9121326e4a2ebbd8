/* SPDX-License-Identifier: MIT */
#include "mount/files.h"

#include <stdio.h>
#include <string.h>

void files_begin(struct files *files, uint64_t volume_len,
                 const struct timespec *now)
{
    *files = (struct files){.doubtful = true};
    for (unsigned i = 0; i <= FILES_PARTITIONS_MAX; i++)
        files->all[i].used = files->all[i].changed = *now;
    files->all[0].len = volume_len;
    files->all[0].there = true;
}

unsigned files_number(const struct files *files, const struct file *file)
{
    return (unsigned)(file - files->all);
}

void files_name(unsigned number, char out[FILES_NAME_LEN])
{
    snprintf(out, FILES_NAME_LEN, number == 0 ? "image" : "p%u",
             number & 0xFFu);
}

struct file *files_find(struct files *files, const char *name)
{
    char has[FILES_NAME_LEN];

    for (unsigned i = 0; i <= FILES_PARTITIONS_MAX; i++) {
        files_name(i, has);
        if (files->all[i].there && strcmp(has, name) == 0)
            return &files->all[i];
    }
    return NULL;
}

void files_place(struct files *files, unsigned number, uint64_t first,
                 uint64_t len)
{
    struct file *file = &files->all[number];

    if (file->there == (len != 0) &&
        (len == 0 || (file->first == first && file->len == len)))
        return;
    if (file->openers > 0) {
        files->doubtful = true;
        return;
    }
    file->there = len != 0;
    file->first = first;
    file->len = len;
    file->stale = true;
}

size_t file_clip(const struct file *file, uint64_t offset, size_t len)
{
    if (offset >= file->len)
        return 0;
    return len < file->len - offset ? len : (size_t)(file->len - offset);
}

static bool overlap(const struct file *file, uint64_t first, uint64_t len)
{
    return file->there && first < file->first + file->len &&
           file->first < first + len;
}

void files_change(struct files *files, struct file *file, uint64_t offset,
                  uint64_t len, const struct timespec *now)
{
    const uint64_t first = file->first + offset;

    if (file == &files->all[0])
        files->doubtful = true;
    for (unsigned i = 0; i <= FILES_PARTITIONS_MAX; i++) {
        struct file *other = &files->all[i];

        if (!overlap(other, first, len))
            continue;
        other->changed = *now;
        other->stale = other->stale || other != file;
    }
}

bool files_open(struct file *file)
{
    const bool good = !file->stale;

    file->stale = false;
    file->openers++;
    return good;
}

void files_close(struct file *file)
{
    file->openers--;
}
