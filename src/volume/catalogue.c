/* SPDX-License-Identifier: MIT */
#include "volume/catalogue_internal.h"

#include "volume/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESCAN_MS                                                              \
    1000 /* a storm of wrong names reads directories once in it                \
          */

const char bh_catalogue_no_layers[] =
    "it is scratch, and there is no state directory to keep in what is "
    "written to it";

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

/* All names that are served now. */
static struct bh_names read_names(const struct bh_catalogue *catalogue)
{
    const struct bh_contents *contents = &catalogue->contents;
    struct bh_names names = {0};

    for (size_t i = 0; i < contents->drives.count; i++)
        bh_names_add(&names, contents->drives.of[i].name);
    for (size_t i = 0; i < contents->volume_count; i++)
        bh_names_add(&names, contents->volumes[i].name);
    for (size_t i = 0; i < contents->directory_count; i++)
        bh_scan_directory(contents->directories[i].path, &names);
    bh_names_sort(&names);
    return names;
}

/* Directories are walked while others may look names up. */
void bh_catalogue_scan(struct bh_catalogue *catalogue)
{
    struct bh_names names;

    pthread_mutex_lock(&catalogue->scanning);
    if (catalogue->scanned_ms == 0 ||
        now_ms() - catalogue->scanned_ms >= RESCAN_MS) {
        pthread_rwlock_rdlock(&catalogue->lock);
        names = read_names(catalogue);
        pthread_rwlock_unlock(&catalogue->lock);
        pthread_rwlock_wrlock(&catalogue->lock);
        bh_images_add(&catalogue->images, &names);
        pthread_rwlock_unlock(&catalogue->lock);
        bh_names_free(&names);
        catalogue->scanned_ms = now_ms();
    }
    pthread_mutex_unlock(&catalogue->scanning);
}

struct bh_catalogue *bh_catalogue_new(void)
{
    struct bh_catalogue *catalogue = calloc(1, sizeof *catalogue);

    if (catalogue == NULL)
        return NULL;
    catalogue->remote = (struct bh_nbd_volumes){
        &catalogue->lock, &catalogue->contents, bh_nbd_known_new()};
    if (catalogue->remote.known == NULL) {
        free(catalogue);
        return NULL;
    }
    bh_images_init(&catalogue->images);
    catalogue->layers = catalogue->drives_dir = -1;
    pthread_rwlock_init(&catalogue->lock, NULL);
    pthread_mutex_init(&catalogue->scanning, NULL);
    return catalogue;
}

static void free_specs(struct bh_volume_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(specs[i].name);
        free(specs[i].path);
    }
    free(specs);
}

void bh_contents_free(struct bh_contents *contents)
{
    free_specs(contents->volumes, contents->volume_count);
    free_specs(contents->directories, contents->directory_count);
    bh_drives_free(&contents->drives);
    *contents = (struct bh_contents){0};
}

void bh_catalogue_free(struct bh_catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    bh_contents_free(&catalogue->contents);
    bh_images_free(&catalogue->images);
    if (catalogue->layers >= 0)
        close(catalogue->layers);
    bh_nbd_known_free(catalogue->remote.known);
    pthread_rwlock_destroy(&catalogue->lock);
    pthread_mutex_destroy(&catalogue->scanning);
    free(catalogue);
}

int bh_catalogue_remember(struct bh_catalogue *catalogue, int dir)
{
    int error = bh_images_remember(&catalogue->images, dir);

    if (error == 0)
        catalogue->drives_dir = dir;
    return error;
}

void bh_catalogue_introduce(struct bh_catalogue *catalogue, bh_about *about,
                            void *context)
{
    catalogue->virtuals.about = about;
    catalogue->virtuals.context = context;
}

static int check_directory(const char *path, char cause[BH_CAUSE_LEN])
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;

    if (fd < 0)
        snprintf(cause, BH_CAUSE_LEN, "directory %.120s: %s", path,
                 strerror(errno));
    else
        close(fd);
    return error;
}

int bh_catalogue_set(struct bh_catalogue *catalogue,
                     struct bh_contents *contents, char cause[BH_CAUSE_LEN])
{
    int error;

    for (size_t i = 0; i < contents->directory_count; i++) {
        error = check_directory(contents->directories[i].path, cause);
        if (error != 0)
            return error;
    }
    pthread_mutex_lock(&catalogue->scanning);
    pthread_rwlock_wrlock(&catalogue->lock);
    error = bh_drives_load(&contents->drives, &catalogue->contents.drives,
                           catalogue->drives_dir);
    if (error == 0) {
        bh_contents_free(&catalogue->contents);
        catalogue->contents = *contents;
        *contents = (struct bh_contents){0};
    } else {
        snprintf(cause, BH_CAUSE_LEN, "what is in the slots: %s",
                 strerror(-error));
    }
    pthread_rwlock_unlock(&catalogue->lock);
    catalogue->scanned_ms = 0;
    pthread_mutex_unlock(&catalogue->scanning);
    if (error == 0)
        bh_catalogue_scan(catalogue);
    return error;
}

void bh_catalogue_keep_layers(struct bh_catalogue *catalogue, int dir)
{
    catalogue->layers = dir;
}

void bh_catalogue_each(struct bh_catalogue *catalogue,
                       bh_catalogue_visitor *visit, void *context)
{
    char cause[BH_CAUSE_LEN];
    struct bh_volume_facts facts;

    bh_catalogue_scan(catalogue);
    pthread_rwlock_rdlock(&catalogue->lock);
    for (size_t i = 0; i < catalogue->images.count; i++)
        if (bh_catalogue_exact(catalogue, catalogue->images.of[i].name, &facts,
                               cause) == 0 &&
            !visit(context, &facts))
            break;
    pthread_rwlock_unlock(&catalogue->lock);
}

int bh_catalogue_directory(struct bh_catalogue *catalogue)
{
    int fd = -ENOENT;

    pthread_rwlock_rdlock(&catalogue->lock);
    if (catalogue->contents.directory_count > 0) {
        fd = open(catalogue->contents.directories[0].path,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            fd = -errno;
    }
    pthread_rwlock_unlock(&catalogue->lock);
    return fd;
}

void bh_catalogue_stir(struct bh_catalogue *catalogue)
{
    pthread_mutex_lock(&catalogue->scanning);
    catalogue->scanned_ms = 0;
    pthread_mutex_unlock(&catalogue->scanning);
}

void bh_catalogue_check(struct bh_catalogue *catalogue,
                        bh_catalogue_complaint *complain, void *context)
{
    pthread_rwlock_rdlock(&catalogue->lock);
    bh_catalogue_check_drives(catalogue, complain, context);
    for (size_t i = 0; i < catalogue->contents.volume_count; i++) {
        const struct bh_volume_spec *spec = &catalogue->contents.volumes[i];
        char cause[BH_CAUSE_LEN];
        struct bh_volume_facts facts;

        if (bh_catalogue_exact(catalogue, spec->name, &facts, cause) != 0) {
            complain(context, spec->name, cause);
        } else if (spec->mode == BH_MODE_SCRATCH && catalogue->layers < 0) {
            complain(context, spec->name, bh_catalogue_no_layers);
        } else if (!bh_nbd_volume_is(&facts) &&
                   facts.byte_count < spec->size_limit) {
            snprintf(cause, sizeof cause,
                     "%llu bytes are configured, the file has only %llu",
                     (unsigned long long)spec->size_limit,
                     (unsigned long long)facts.byte_count);
            complain(context, spec->name, cause);
        }
    }
    pthread_rwlock_unlock(&catalogue->lock);
}

bool bh_catalogue_has_remote(struct bh_catalogue *catalogue)
{
    return bh_nbd_volumes_any(&catalogue->remote);
}

void bh_catalogue_ask(struct bh_catalogue *catalogue,
                      bh_catalogue_complaint *complain, void *context)
{
    bh_nbd_volumes_ask_all(&catalogue->remote, complain, context);
}

void bh_catalogue_stop(struct bh_catalogue *catalogue)
{
    bh_nbd_known_stop(catalogue->remote.known);
}
