/* SPDX-License-Identifier: MIT */
#include "volume/locate.h"

#include "volume/checkpoint.h"
#include "volume/file.h"
#include "volume/format.h"
#include "volume/layout.h"
#include "volume/name.h"
#include "volume/nbd_uri.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Opens `name` beneath the directory `path`, and nothing that lies elsewhere,
 * whatever links and ".." say. */
static int open_beneath(const char *path, const char *name, int flags)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd;

    if (directory < 0)
        return -errno;
    fd = (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
    if (fd < 0)
        fd = -errno;
    close(directory);
    return fd;
}

/* Devices are served where the administrator names them, never by being found
 * beneath a directory. */
static const char *kind_problem(mode_t mode, bool configured)
{
    if (S_ISREG(mode) || (configured && S_ISBLK(mode)))
        return NULL;
    if (S_ISDIR(mode))
        return "it is a directory";
    if (S_ISFIFO(mode))
        return "it is a FIFO";
    if (S_ISBLK(mode))
        return "it is a device, and those are served by a [volume] section "
               "only";
    return "it is no regular file";
}

/* The path of a volume may end with "#N", too. */
static int open_configured(const char *path, int flags, unsigned *partition)
{
    char image[PATH_MAX];
    int fd = open(path, flags);

    if (fd < 0 && errno == ENOENT &&
        bh_name_split(path, image, sizeof image, partition))
        fd = open(image, flags);
    return fd < 0 ? -errno : fd;
}

static int open_spec(const struct bh_volume_spec *spec, const char *image,
                     int flags, unsigned *partition)
{
    flags |= O_CLOEXEC;
    *partition = 0;
    if (spec->name == NULL)
        return open_beneath(spec->path, image, flags);
    return open_configured(spec->path, flags, partition);
}

static const struct bh_volume_spec *
find_volume(const struct bh_contents *contents, const char *name)
{
    for (size_t i = 0; i < contents->volume_count; i++)
        if (strcmp(contents->volumes[i].name, name) == 0)
            return &contents->volumes[i];
    return NULL;
}

/* What an errno value of an open means for a name. */
static int explain(int error, char cause[BH_CAUSE_LEN])
{
    switch (error) {
    case -EXDEV:
        snprintf(cause, BH_CAUSE_LEN, "it leads out of the directory");
        return -ENOENT;
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -ELOOP:
        snprintf(cause, BH_CAUSE_LEN, "%s", strerror(-error));
        return -ENOENT;
    default:
        snprintf(cause, BH_CAUSE_LEN, "%s", strerror(-error));
        return error;
    }
}

static int place_at(const struct bh_volume_spec *spec, const char *name,
                    struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    unsigned partition;
    const char *problem;
    struct stat st;
    int fd;

    if (bh_nbd_uri_is(spec->path)) {
        snprintf(cause, BH_CAUSE_LEN, "it is on an NBD server, and no file");
        return -ENOTSUP;
    }
    fd = open_spec(spec, name, O_PATH, &partition);
    if (fd < 0)
        return explain(fd, cause);
    if (fstat(fd, &st) != 0) {
        close(fd);
        return explain(-EIO, cause);
    }
    problem = kind_problem(st.st_mode, spec->name != NULL);
    if (problem != NULL) {
        snprintf(cause, BH_CAUSE_LEN, "%s", problem);
        close(fd);
        return -ENOENT;
    }
    *out = (struct bh_place){.fd = fd, .spec = spec, .partition = partition};
    snprintf(out->image, sizeof out->image, "%s", name);
    return 0;
}

static int locate_image(const struct bh_contents *contents, const char *name,
                        struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *volume = find_volume(contents, name);
    int error = -ENOENT;

    *out = (struct bh_place){.fd = -1};
    if (volume != NULL)
        error = place_at(volume, name, out, cause);
    else
        snprintf(cause, BH_CAUSE_LEN, "nothing of this name is served");
    for (size_t i = 0;
         volume == NULL && error == -ENOENT && i < contents->directory_count;
         i++)
        error = place_at(&contents->directories[i], name, out, cause);
    assert(error != 0 || out->spec != NULL);
    return error;
}

static int locate_volume(const struct bh_contents *contents, const char *name,
                         struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    char image[BH_VOLUME_NAME_LEN + 1];
    unsigned partition;
    int error = locate_image(contents, name, out, cause);

    if (error != -ENOENT ||
        !bh_name_split(name, image, sizeof image, &partition))
        return error;
    error = locate_image(contents, image, out, cause);
    if (error == 0 && out->partition != 0) {
        snprintf(cause, BH_CAUSE_LEN, "a partition has no partitions");
        bh_place_close(out);
        return -ENOENT;
    }
    out->partition = partition;
    return error;
}

/* The path whose extension counts. */
static const char *file_path(const struct bh_place *place, char whole[PATH_MAX])
{
    const char *path = place->spec->path;
    unsigned partition;

    if (place->spec->name == NULL)
        return place->image;
    if (place->partition != 0 &&
        bh_name_split(path, whole, PATH_MAX, &partition))
        return whole;
    return path;
}

/* Cuts "a/b/c" into "a/b" and "c"; "c" alone lies in ".". */
static int split(const char *path, char parent[PATH_MAX],
                 char leaf[BH_VOLUME_NAME_LEN + 1])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len + 2 > PATH_MAX ||
        snprintf(leaf, BH_VOLUME_NAME_LEN + 1, "%s",
                 slash == NULL ? path : slash + 1) > (int)BH_VOLUME_NAME_LEN)
        return -ENAMETOOLONG;
    if (slash == NULL)
        strcpy(parent, ".");
    else
        snprintf(parent, PATH_MAX, "%.*s/", (int)len, path);
    return 0;
}

/* The directory that the image lies in, and its name there. */
static int open_parent(const struct bh_place *place,
                       char leaf[BH_VOLUME_NAME_LEN + 1],
                       char cause[BH_CAUSE_LEN])
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    char parent[PATH_MAX], whole[PATH_MAX];
    int fd, error = split(file_path(place, whole), parent, leaf);

    if (error != 0)
        return explain(error, cause);
    if (place->spec->name == NULL)
        fd = open_beneath(place->spec->path, parent, flags);
    else if ((fd = open(parent, flags)) < 0)
        fd = -errno;
    return fd < 0 ? explain(fd, cause) : fd;
}

/* A descriptor of the checkpoint `label` of the image there. */
static int open_checkpoint(const struct bh_place *place, const char *label,
                           char cause[BH_CAUSE_LEN])
{
    char leaf[BH_VOLUME_NAME_LEN + 1];
    struct bh_checkpoint checkpoint;
    int dir, fd, parent = open_parent(place, leaf, cause);

    if (parent < 0)
        return parent;
    dir = bh_checkpoints_open(parent, leaf, false, cause);
    close(parent);
    if (dir < 0)
        return explain(dir, cause);
    fd = bh_checkpoint_find(dir, label, &checkpoint);
    if (fd == 0)
        fd = bh_checkpoint_open(dir, &checkpoint);
    close(dir);
    if (fd == -ENOENT) {
        snprintf(cause, BH_CAUSE_LEN, "the image has no such checkpoint");
        return fd;
    }
    return fd < 0 ? explain(fd, cause) : fd;
}

/* No label has a '@' in it. */
int bh_locate(const struct bh_contents *contents, const char *name,
              struct bh_place *out, char cause[BH_CAUSE_LEN])
{
    const struct bh_drive *drive = bh_drives_find(&contents->drives, name);
    char image[BH_VOLUME_NAME_LEN + 1];
    const char *mark;
    int fd, error;

    if (drive != NULL && drive->inserted == NULL) {
        snprintf(cause, BH_CAUSE_LEN, "nothing is in the slot");
        return -ENOENT;
    }
    if (drive != NULL)
        name = drive->inserted;
    mark = strrchr(name, '@');
    error = locate_volume(contents, name, out, cause);

    if (error != -ENOENT || mark == NULL ||
        snprintf(image, sizeof image, "%.*s", (int)(mark - name), name) >=
            (int)sizeof image)
        return error;
    if (locate_volume(contents, image, out, cause) != 0)
        return -ENOENT;
    fd = open_checkpoint(out, mark + 1, cause);
    bh_place_close(out);
    if (fd < 0)
        return fd;
    out->fd = fd;
    out->checkpoint = true;
    return 0;
}

/* The file itself. */
static int open_place(const struct bh_place *place, int flags)
{
    unsigned ignored;
    int fd;

    if (!place->checkpoint)
        return open_spec(place->spec, place->image,
                         flags | O_NONBLOCK | O_NOCTTY, &ignored);
    fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

void bh_place_close(struct bh_place *place)
{
    close(place->fd);
}

/* Read-only if the volume is meant to be, or if we may not write where we would
 * have to. */
static uint8_t mode_of(const struct bh_place *place)
{
    if (place->checkpoint)
        return BH_MODE_READ_ONLY;
    if (place->spec->mode == BH_MODE_SCRATCH)
        return BH_MODE_SCRATCH;
    if (faccessat(place->fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) != 0)
        return BH_MODE_READ_ONLY;
    return place->spec->mode;
}

/* What header and partition table say goes before what is configured for the
 * whole file, if the two agree. */
static int narrow(struct bh_volume_facts *facts, const struct bh_extent *extent,
                  bool partition, char cause[BH_CAUSE_LEN])
{
    if (extent->first == facts->first && extent->len == facts->byte_count)
        return 0;
    if (facts->grow_limit != 0 && !partition) {
        snprintf(cause, BH_CAUSE_LEN,
                 "it has a header, and only a raw image can grow");
        return -EINVAL;
    }
    if (extent->exponent != BH_ANY_EXPONENT) {
        if (facts->exponent != BH_ANY_EXPONENT &&
            facts->exponent != extent->exponent) {
            snprintf(cause, BH_CAUSE_LEN,
                     "its sectors have %u bytes, and %u are configured",
                     128u << extent->exponent, 128u << facts->exponent);
            return -EINVAL;
        }
        facts->exponent = extent->exponent;
    }
    facts->first = extent->first;
    facts->byte_count = facts->size_limit = extent->len;
    facts->grow_limit = 0;
    if (extent->read_only && facts->mode != BH_MODE_SCRATCH)
        facts->mode = BH_MODE_READ_ONLY;
    return 0;
}

static int look_into(int fd, const struct bh_layout *layout,
                     struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    struct bh_extent extent = {.exponent = BH_ANY_EXPONENT};
    uint64_t size = 0;
    int error = bh_file_size(fd, &size);

    if (error != 0)
        return explain(error, cause);
    error = bh_file_span(facts, size, &facts->byte_count, cause);
    if (error != 0)
        return error;
    extent.first = facts->first;
    extent.len = facts->byte_count;
    error = bh_layout_read(fd, layout, size, &extent, cause);
    return error != 0 ? error
                      : narrow(facts, &extent, layout->partition != 0, cause);
}

/* The file is opened only if it has to be: the size of a block device is not
 * known before. */
static int lay_out(const struct bh_place *place, const struct stat *st,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char whole[PATH_MAX];
    struct bh_layout layout = {.format = place->spec->format,
                               .path = file_path(place, whole),
                               .partition = place->partition};
    int fd, error;

    if (S_ISREG(st->st_mode) && layout.partition == 0 &&
        !bh_format_has_header(layout.format, layout.path))
        return bh_file_span(facts, (uint64_t)st->st_size, &facts->byte_count,
                            cause);
    fd = open_place(place, O_RDONLY);
    if (fd < 0)
        return explain(fd, cause);
    error = look_into(fd, &layout, facts, cause);
    close(fd);
    return error;
}

int bh_place_facts(const struct bh_place *place, const char *name,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *spec = place->spec;
    struct stat st;

    if (fstat(place->fd, &st) != 0)
        return explain(-EIO, cause);
    if (faccessat(place->fd, "", R_OK, AT_EMPTY_PATH | AT_EACCESS) != 0)
        return explain(-errno, cause);
    *facts = (struct bh_volume_facts){
        .device = st.st_dev,
        .inode = st.st_ino,
        .first = spec->first,
        .size_limit = spec->size_limit,
        .grow_limit = place->checkpoint ? 0 : spec->grow_limit,
        .idle_ms = spec->idle_ms,
        .mode = mode_of(place),
        .takeover = spec->takeover,
        .sync = spec->sync,
        .exponent = spec->exponent,
        .roam = spec->roam};
    snprintf(facts->name, sizeof facts->name, "%s", name);
    return lay_out(place, &st, facts, cause);
}

int bh_locate_open(const struct bh_contents *contents, const char *name,
                   int flags, char cause[BH_CAUSE_LEN])
{
    struct bh_place place;
    int error = bh_locate(contents, name, &place, cause);
    int fd;

    if (error != 0)
        return error;
    fd = open_place(&place, flags);
    bh_place_close(&place);
    return fd < 0 ? explain(fd, cause) : fd;
}

int bh_locate_parent(const struct bh_contents *contents, const char *name,
                     char leaf[BH_VOLUME_NAME_LEN + 1],
                     char cause[BH_CAUSE_LEN])
{
    struct bh_place place;
    int error = bh_locate(contents, name, &place, cause);

    if (error != 0)
        return error;
    bh_place_close(&place);
    if (place.checkpoint) {
        snprintf(cause, BH_CAUSE_LEN, "it is a checkpoint");
        return -ENOENT;
    }
    return open_parent(&place, leaf, cause);
}
