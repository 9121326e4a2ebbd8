/* SPDX-License-Identifier: MIT */
#include "volume/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "slots"
#define NEW_NAME "slots.new"
#define FIRST_LINE "blockhead-slots 1\n"

struct bh_drive *bh_drives_find(const struct bh_drives *drives,
                                const char *name)
{
    for (size_t i = 0; i < drives->count; i++)
        if (strcmp(drives->of[i].name, name) == 0)
            return &drives->of[i];
    return NULL;
}

void bh_drives_free(struct bh_drives *drives)
{
    for (size_t i = 0; i < drives->count; i++) {
        free(drives->of[i].name);
        free(drives->of[i].image);
        free(drives->of[i].inserted);
    }
    free(drives->of);
    *drives = (struct bh_drives){0};
}

static int set_text(char **at, const char *text)
{
    char *copy = NULL;

    if (text != NULL && text[0] != '\0' && (copy = strdup(text)) == NULL)
        return -ENOMEM;
    free(*at);
    *at = copy;
    return 0;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* "name <tab> image <tab> inserted". A line that is damaged says nothing. */
static int take_line(struct bh_drives *drives, char *line)
{
    char *image = strchr(line, '\t'), *inserted;
    struct bh_drive *drive;

    if (image == NULL || (inserted = strchr(image + 1, '\t')) == NULL)
        return 0;
    *image++ = *inserted++ = '\0';
    inserted[strcspn(inserted, "\n")] = '\0';
    drive = bh_drives_find(drives, line);
    if (drive == NULL || strcmp(or_empty(drive->image), image) != 0)
        return 0;
    return set_text(&drive->inserted, inserted);
}

/* NULL: errno says why. */
static FILE *open_at(int dir, const char *name, int flags, const char *mode)
{
    int fd = openat(dir, name, flags | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, mode);

    if (fd >= 0 && file == NULL)
        close(fd);
    return file;
}

static int read_file(struct bh_drives *drives, int dir)
{
    FILE *file = open_at(dir, FILE_NAME, O_RDONLY, "r");
    char *line = NULL;
    size_t room = 0;
    int error = 0;

    if (file == NULL)
        return errno == ENOENT ? 0 : -errno;
    if (getline(&line, &room, file) > 0 && strcmp(line, FIRST_LINE) == 0)
        while (error == 0 && getline(&line, &room, file) > 0)
            error = take_line(drives, line);
    if (ferror(file))
        error = -EIO;
    free(line);
    fclose(file);
    return error;
}

int bh_drives_load(struct bh_drives *drives, const struct bh_drives *old,
                   int dir)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < drives->count; i++)
        error = set_text(&drives->of[i].inserted, drives->of[i].image);
    if (error == 0 && dir >= 0)
        error = read_file(drives, dir);
    for (size_t i = 0; error == 0 && i < drives->count; i++) {
        const struct bh_drive *was = bh_drives_find(old, drives->of[i].name);

        if (was != NULL)
            error = set_text(&drives->of[i].inserted, was->inserted);
        if (was != NULL && error == 0)
            error = set_text(&drives->of[i].image, was->image);
    }
    return error;
}

static int write_all(const struct bh_drives *drives, FILE *file)
{
    fputs(FIRST_LINE, file);
    for (size_t i = 0; i < drives->count; i++) {
        const struct bh_drive *drive = &drives->of[i];

        fprintf(file, "%s\t%s\t%s\n", drive->name, or_empty(drive->image),
                or_empty(drive->inserted));
    }
    if (fflush(file) != 0 || fdatasync(fileno(file)) != 0)
        return -errno;
    return 0;
}

/* From the renaming on it is so, in the file as in memory, whatever becomes of
 * the directory: no session outlives a power failure that would notice. */
int bh_drives_store(const struct bh_drives *drives, int dir)
{
    FILE *file = open_at(dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC, "w");
    int error;

    if (file == NULL)
        return -errno;
    error = write_all(drives, file);
    if (fclose(file) != 0 && error == 0)
        error = -errno;
    if (error == 0 && renameat(dir, NEW_NAME, dir, FILE_NAME) != 0)
        error = -errno;
    if (error == 0)
        (void)fsync(dir);
    return error;
}
