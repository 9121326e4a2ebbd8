/* SPDX-License-Identifier: MIT */
/* Opening what was found, and laying layers over it. */
#include "volume/catalogue_internal.h"

#include "volume/file.h"
#include "volume/layer.h"
#include "volume/locate.h"
#include "volume/mend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool is_written(const struct bh_volume_facts *facts)
{
    return facts->mode != BH_MODE_READ_ONLY && facts->mode != BH_MODE_SCRATCH;
}

/* Whether the name still stands for what `facts` say. They may be from before
 * the last SIGHUP, or of an earlier server. */
static int check_same(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts,
                      char cause[BH_CAUSE_LEN])
{
    struct bh_volume_facts now;
    int error = bh_catalogue_exact(catalogue, facts->name, &now, cause);

    if (error == 0 && !bh_facts_same(facts, &now)) {
        snprintf(cause, BH_CAUSE_LEN,
                 "it is another file now, or configured otherwise");
        error = -ESTALE;
    }
    return error;
}

static int open_same(struct bh_catalogue *catalogue,
                     const struct bh_volume_facts *facts, bool writing,
                     char cause[BH_CAUSE_LEN])
{
    int error = check_same(catalogue, facts, cause);

    if (error != 0)
        return error;
    return bh_locate_open(&catalogue->contents, facts->name,
                          writing ? O_RDWR : O_RDONLY, cause);
}

/* The rest of a home whose image is open. */
static int find_home(struct bh_catalogue *catalogue,
                     const struct bh_volume_facts *facts, struct bh_home *out,
                     char cause[BH_CAUSE_LEN])
{
    struct bh_place place;
    int error = bh_locate(&catalogue->contents, facts->name, &place, cause);

    if (error != 0)
        return error;
    out->keep = place.spec->keep;
    bh_place_close(&place);
    out->dir =
        bh_locate_parent(&catalogue->contents, facts->name, out->leaf, cause);
    return out->dir < 0 ? out->dir : 0;
}

int bh_catalogue_home(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts, struct bh_home *out,
                      char cause[BH_CAUSE_LEN])
{
    int error;

    pthread_rwlock_rdlock(&catalogue->lock);
    out->image =
        open_same(catalogue, facts, facts->mode != BH_MODE_READ_ONLY, cause);
    if (out->image == -EACCES || out->image == -EROFS) /* a scratch volume's */
        out->image = open_same(catalogue, facts, false, cause);
    error =
        out->image < 0 ? out->image : find_home(catalogue, facts, out, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    if (error != 0 && out->image >= 0)
        close(out->image);
    return error;
}

/* An image that is whole. A directory that cannot be read, though the image
 * can, has no checkpoints of ours. */
static int open_whole(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts,
                      char cause[BH_CAUSE_LEN])
{
    char leaf[BH_VOLUME_NAME_LEN + 1], ignored[BH_CAUSE_LEN];
    int fd, parent = -ENOENT, error;

    pthread_rwlock_rdlock(&catalogue->lock);
    fd = open_same(catalogue, facts, is_written(facts), cause);
    if (fd >= 0)
        parent =
            bh_locate_parent(&catalogue->contents, facts->name, leaf, ignored);
    pthread_rwlock_unlock(&catalogue->lock);
    if (parent < 0)
        return fd;
    error = bh_mend(parent, leaf, fd, cause);
    close(parent);
    if (error != 0)
        close(fd);
    return error != 0 ? error : fd;
}

/* Its server is asked first: what it says is one of the facts. */
static int open_remote(struct bh_catalogue *catalogue,
                       const struct bh_volume_facts *facts,
                       struct bh_medium **out, char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_way way;
    int error = bh_nbd_volumes_find(&catalogue->remote, facts->name, &way);

    if (error == 0)
        error = bh_nbd_volume_open(catalogue->remote.known, &way, facts, out,
                                   cause);
    if (error != 0)
        return error;
    pthread_rwlock_rdlock(&catalogue->lock);
    error = check_same(catalogue, facts, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    if (error != 0)
        (*out)->ops->close(*out);
    return error;
}

int bh_catalogue_open(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts,
                      struct bh_medium **out, char cause[BH_CAUSE_LEN])
{
    int fd, error;

    cause[0] = '\0';
    if (bh_virtual_is(facts))
        return bh_virtual_open(&catalogue->virtuals, catalogue, facts, out);
    if (bh_nbd_volume_is(facts))
        return open_remote(catalogue, facts, out, cause);
    fd = open_whole(catalogue, facts, cause);
    if (fd < 0)
        return fd;
    error = bh_file_open(fd, facts, out, cause);
    if (error != 0)
        close(fd);
    return error;
}

/* What its sessions may change; 0 if it is not there now. */
static uint64_t scratch_limit_of(struct bh_catalogue *catalogue,
                                 const struct bh_volume_facts *facts)
{
    char ignored[BH_CAUSE_LEN];
    struct bh_place place;
    uint64_t limit = 0;

    pthread_rwlock_rdlock(&catalogue->lock);
    if (bh_locate(&catalogue->contents, facts->name, &place, ignored) == 0) {
        limit = place.spec->scratch_limit;
        bh_place_close(&place);
    }
    pthread_rwlock_unlock(&catalogue->lock);
    return limit;
}

int bh_catalogue_lay(struct bh_catalogue *catalogue,
                     const struct bh_volume_facts *facts, uint32_t unit,
                     bool fresh, struct bh_medium **medium,
                     char cause[BH_CAUSE_LEN])
{
    struct bh_layer_spec spec = {.dir = catalogue->layers,
                                 .layer = facts->layer,
                                 .unit = unit,
                                 .fresh = fresh};

    if (spec.dir < 0) {
        snprintf(cause, BH_CAUSE_LEN, "%s", bh_catalogue_no_layers);
        return -EIO;
    }
    spec.limit = scratch_limit_of(catalogue, facts);
    return bh_layer_lay(&spec, medium, cause);
}

int bh_catalogue_discard(struct bh_catalogue *catalogue,
                         const struct bh_volume_facts *facts)
{
    return catalogue->layers < 0
               ? 0
               : bh_layer_discard(catalogue->layers, facts->layer);
}
