/* SPDX-License-Identifier: MIT */
#include "volume/catalogue.h"

#include "volume/file.h"
#include "volume/layer.h"
#include "volume/locate.h"
#include "volume/mend.h"
#include "volume/name.h"
#include "volume/nbd_volume.h"
#include "volume/numbers.h"
#include "volume/scan.h"
#include "volume/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RESCAN_MS                                                              \
    1000 /* a storm of wrong names reads directories once in it                \
          */

/* A name with its number, for as long as the server runs. */
struct image {
    char *name;
    uint32_t number;
};

struct bh_catalogue {
    pthread_rwlock_t lock; /* contents, images */
    struct bh_contents contents;
    struct image *images; /* sorted by name */
    size_t image_count, image_room;
    int numbers;              /* the file that keeps them; -1: none does */
    pthread_mutex_t scanning; /* scanned_ms; taken before `lock` */
    uint64_t scanned_ms;      /* when the directories were read; 0: never */
    struct bh_virtuals virtuals;
    int layers;     /* their directory; -1: there is none */
    int drives_dir; /* where what is in slots is kept; -1: nowhere */
    struct bh_nbd_volumes remote;
};

static const char no_layers[] =
    "it is scratch, and there is no state directory to keep in what is "
    "written to it";

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct image *)a)->name,
                  ((const struct image *)b)->name);
}

static int to_name(const void *name, const void *image)
{
    return strcmp(name, ((const struct image *)image)->name);
}

/* Among the first `count` images, which are sorted. */
static struct image *find_image(const struct bh_catalogue *catalogue,
                                size_t count, const char *name)
{
    if (count == 0)
        return NULL;
    return bsearch(name, catalogue->images, count, sizeof *catalogue->images,
                   to_name);
}

static int make_room(struct bh_catalogue *catalogue)
{
    size_t room = catalogue->image_room == 0 ? 64 : catalogue->image_room * 2;
    struct image *grown;

    if (catalogue->image_count < catalogue->image_room)
        return 0;
    grown = realloc(catalogue->images, room * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    catalogue->images = grown;
    catalogue->image_room = room;
    return 0;
}

/* Gives `name` the next number, at the end of the table and unsorted. */
static int append_image(struct bh_catalogue *catalogue, const char *name)
{
    size_t count = catalogue->image_count;
    struct image *image;

    if (count == BH_IMAGES_MAX)
        return -ENFILE;
    if (make_room(catalogue) != 0)
        return -ENOMEM;
    image = &catalogue->images[count];
    image->name = strdup(name);
    image->number = (uint32_t)count + 1;
    if (image->name == NULL)
        return -ENOMEM;
    catalogue->image_count++;
    return 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

static void sort_images(struct bh_catalogue *catalogue)
{
    if (catalogue->image_count > 0)
        qsort(catalogue->images, catalogue->image_count,
              sizeof *catalogue->images, by_name);
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

static void forget_file(struct bh_catalogue *catalogue)
{
    if (catalogue->numbers >= 0)
        close(catalogue->numbers);
    catalogue->numbers = -1;
}

/* A disk that is full ends the file: a number that is left out would make all
 * later ones wrong. */
static void keep_last_number(struct bh_catalogue *catalogue)
{
    const struct image *last = &catalogue->images[catalogue->image_count - 1];

    if (catalogue->numbers >= 0 &&
        bh_numbers_append(catalogue->numbers, last->number, last->name) != 0)
        forget_file(catalogue);
}

static void add_names(struct bh_catalogue *catalogue,
                      const struct bh_names *names)
{
    size_t known = catalogue->image_count;

    for (size_t i = 0; i < names->count; i++) {
        if (find_image(catalogue, known, names->of[i]) == NULL &&
            append_image(catalogue, names->of[i]) == 0)
            keep_last_number(catalogue);
    }
    if (catalogue->image_count > known && catalogue->numbers >= 0)
        bh_numbers_sync(catalogue->numbers);
    sort_images(catalogue);
}

/* Gives numbers to names that have appeared since the last look. Directories
 * are walked while others may look names up. */
static void scan(struct bh_catalogue *catalogue)
{
    struct bh_names names;

    pthread_mutex_lock(&catalogue->scanning);
    if (catalogue->scanned_ms == 0 ||
        now_ms() - catalogue->scanned_ms >= RESCAN_MS) {
        pthread_rwlock_rdlock(&catalogue->lock);
        names = read_names(catalogue);
        pthread_rwlock_unlock(&catalogue->lock);
        pthread_rwlock_wrlock(&catalogue->lock);
        add_names(catalogue, &names);
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
    catalogue->numbers = catalogue->layers = catalogue->drives_dir = -1;
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

static void forget_images(struct bh_catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->image_count; i++)
        free(catalogue->images[i].name);
    catalogue->image_count = 0;
}

void bh_catalogue_free(struct bh_catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    bh_contents_free(&catalogue->contents);
    forget_images(catalogue);
    free(catalogue->images);
    forget_file(catalogue);
    if (catalogue->layers >= 0)
        close(catalogue->layers);
    bh_nbd_known_free(catalogue->remote.known);
    pthread_rwlock_destroy(&catalogue->lock);
    pthread_mutex_destroy(&catalogue->scanning);
    free(catalogue);
}

static int remember(void *context, const char *name)
{
    return append_image(context, name);
}

int bh_catalogue_remember(struct bh_catalogue *catalogue, int dir)
{
    int fd = bh_numbers_open(dir, "numbers", remember, catalogue);

    if (fd < 0)
        return fd;
    if (catalogue->image_count == BH_IMAGES_MAX) {
        close(fd);
        forget_images(catalogue);
        return -ENFILE;
    }
    catalogue->numbers = fd;
    catalogue->drives_dir = dir;
    sort_images(catalogue);
    return 0;
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
        scan(catalogue);
    return error;
}

static uint32_t number_of(const struct bh_catalogue *catalogue,
                          const char *name)
{
    const struct image *image =
        find_image(catalogue, catalogue->image_count, name);

    return image != NULL ? image->number : BH_NO_NUMBER;
}

/* The facts of an image by its exact name. One that no scan has found, such as
 * a file that is new or reached by a link to a directory, has no number; a
 * partition has its image's. */
static int exact_image(struct bh_catalogue *catalogue, const char *name,
                       struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_volume_spec *remote =
        bh_nbd_volume_find(&catalogue->contents, name);
    struct bh_place place;
    int error;

    if (remote != NULL) {
        error =
            bh_nbd_volume_facts(catalogue->remote.known, remote, facts, cause);
        facts->number = number_of(catalogue, name);
        return error;
    }
    error = bh_locate(&catalogue->contents, name, &place, cause);
    if (error != 0)
        return error;
    error = bh_place_facts(&place, name, facts, cause);
    bh_place_close(&place);
    if (error == 0)
        facts->number = number_of(catalogue, place.image);
    return error;
}

/* What is in a slot: nothing, if it cannot be served, which is a volume, too.
 */
static void in_drive(struct bh_catalogue *catalogue,
                     const struct bh_drive *drive,
                     struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    uint32_t number = number_of(catalogue, drive->name);

    if (drive->inserted == NULL ||
        exact_image(catalogue, drive->inserted, facts, cause) != 0 ||
        bh_nbd_volume_is(facts))
        *facts = (struct bh_volume_facts){.device = UINT64_MAX,
                                          .inode = number,
                                          .idle_ms = drive->idle_ms,
                                          .takeover = drive->takeover,
                                          .exponent = BH_ANY_EXPONENT,
                                          .empty = true};
    facts->number = number;
    facts->removable = true;
    facts->silent = drive->silent;
    snprintf(facts->name, sizeof facts->name, "%s", drive->name);
}

/* The same of an image or a slot. */
static int exact(struct bh_catalogue *catalogue, const char *name,
                 struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const struct bh_drive *drive =
        bh_drives_find(&catalogue->contents.drives, name);

    if (drive == NULL)
        return exact_image(catalogue, name, facts, cause);
    in_drive(catalogue, drive, facts, cause);
    return 0;
}

/* The same for a name with "#N" behind it, or nothing. */
static int exact_part(struct bh_catalogue *catalogue, const char *name,
                      const char *part, struct bh_volume_facts *facts,
                      char cause[BH_CAUSE_LEN])
{
    char whole[BH_VOLUME_NAME_LEN + 1];

    if (snprintf(whole, sizeof whole, "%s%s", name, part) >= (int)sizeof whole)
        return -ENOENT;
    return exact(catalogue, whole, facts, cause);
}

/* A name that differs from the client's only in case, if exactly one is
 * served; machines with upper case alone need it. */
static int alike(struct bh_catalogue *catalogue, const char *name,
                 const char *part, struct bh_volume_facts *facts,
                 char cause[BH_CAUSE_LEN])
{
    int matches = 0, result = -ENOENT;

    for (size_t i = 0; i < catalogue->image_count; i++) {
        const char *known = catalogue->images[i].name;
        struct bh_volume_facts found;
        int error;

        if (!bh_name_alike(known, name) || strcmp(known, name) == 0)
            continue;
        error = exact_part(catalogue, known, part, &found, cause);
        if (error == -ENOENT)
            continue;
        if (error == 0)
            *facts = found;
        result = error;
        matches++;
    }
    if (matches <= 1)
        return result;
    snprintf(cause, BH_CAUSE_LEN,
             "%d images differ from it only in upper and lower case", matches);
    return -ENOENT;
}

static int numbered(struct bh_catalogue *catalogue, const char *digits,
                    struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char *end;
    unsigned long number = strtoul(digits, &end, 10);

    if (*digits >= '0' && *digits <= '9' &&
        (*end == '\0' || *end == '#' || *end == '@'))
        for (size_t i = 0; i < catalogue->image_count; i++)
            if (catalogue->images[i].number == number)
                return exact_part(catalogue, catalogue->images[i].name, end,
                                  facts, cause);
    snprintf(cause, BH_CAUSE_LEN, "no image has this number");
    return -ENOENT;
}

/* As alike(), for a name with "#N", "@LABEL" or both behind it. */
static int alike_part(struct bh_catalogue *catalogue, const char *name,
                      struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char whole[BH_VOLUME_NAME_LEN + 1], image[BH_VOLUME_NAME_LEN + 1];
    const char *mark = strrchr(name, '@');
    unsigned partition;
    int error = -ENOENT;

    snprintf(whole, sizeof whole, "%s", name);
    if (mark != NULL) {
        whole[mark - name] = '\0';
        error = alike(catalogue, whole, mark, facts, cause);
    }
    if (error == -ENOENT &&
        bh_name_split(whole, image, sizeof image, &partition))
        error = alike(catalogue, image, name + strlen(image), facts, cause);
    return error;
}

/* What a clean name stands for, as far as scans have seen. */
static int look_up(struct bh_catalogue *catalogue, const char *name,
                   struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    const char *problem;
    int error;

    if (name[0] == ':')
        return numbered(catalogue, name + 1, facts, cause);
    problem = bh_name_problem(name);
    if (problem != NULL) {
        snprintf(cause, BH_CAUSE_LEN, "%s", problem);
        return -ENOENT;
    }
    error = exact(catalogue, name, facts, cause);
    if (error == -ENOENT)
        error = alike(catalogue, name, "", facts, cause);
    return error != -ENOENT ? error : alike_part(catalogue, name, facts, cause);
}

static int locked_look_up(struct bh_catalogue *catalogue, const char *name,
                          struct bh_volume_facts *facts,
                          char cause[BH_CAUSE_LEN])
{
    int error;

    pthread_rwlock_rdlock(&catalogue->lock);
    error = look_up(catalogue, name, facts, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    return error;
}

/* The name may have no number yet, or be that of a new image. */
static int scanned_look_up(struct bh_catalogue *catalogue, const char *name,
                           struct bh_volume_facts *facts,
                           char cause[BH_CAUSE_LEN])
{
    int error = locked_look_up(catalogue, name, facts, cause);

    if (error == 0 ? facts->number != BH_NO_NUMBER : error != -ENOENT)
        return error;
    scan(catalogue);
    return locked_look_up(catalogue, name, facts, cause);
}

static int remote_look_up(struct bh_catalogue *catalogue, const char *name,
                          struct bh_volume_facts *facts,
                          char cause[BH_CAUSE_LEN])
{
    struct bh_nbd_way way;
    int error = bh_nbd_volumes_find(&catalogue->remote, facts->name, &way);

    if (error == 0)
        error = bh_nbd_volumes_ask(&catalogue->remote, &way, cause);
    return error != 0 ? error : locked_look_up(catalogue, name, facts, cause);
}

int bh_catalogue_lookup(struct bh_catalogue *catalogue, const char *name,
                        const char *default_name, struct bh_volume_facts *facts,
                        char cause[BH_CAUSE_LEN])
{
    char trimmed[BH_VOLUME_NAME_LEN + 1];
    int error;

    cause[0] = '\0';
    bh_name_trim(name, trimmed, sizeof trimmed);
    if (trimmed[0] == '\0' && default_name != NULL)
        bh_name_trim(default_name, trimmed, sizeof trimmed);
    if (trimmed[0] == '\0') {
        snprintf(cause, BH_CAUSE_LEN, "no default image is configured");
        return -ENOENT;
    }
    if (bh_virtual_lookup(&catalogue->virtuals, trimmed, facts))
        return 0;
    error = scanned_look_up(catalogue, trimmed, facts, cause);
    if (error == 0 && bh_nbd_volume_is(facts))
        return remote_look_up(catalogue, trimmed, facts, cause);
    return error;
}

/* Under the lock. */
static int put_in(struct bh_catalogue *catalogue, struct bh_drive *drive,
                  const char *image)
{
    char *before = drive->inserted;
    int error = 0;

    drive->inserted = image[0] == '\0' ? NULL : strdup(image);
    if (image[0] != '\0' && drive->inserted == NULL)
        error = -ENOMEM;
    else if (catalogue->drives_dir >= 0)
        error =
            bh_drives_store(&catalogue->contents.drives, catalogue->drives_dir);
    if (error != 0) {
        free(drive->inserted);
        drive->inserted = before;
    } else {
        free(before);
    }
    return error;
}

int bh_catalogue_swap(struct bh_catalogue *catalogue, const char *image,
                      struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN])
{
    char name[BH_VOLUME_NAME_LEN + 1];
    struct bh_drive *drive;
    int error = 0;

    snprintf(name, sizeof name, "%s", facts->name);
    pthread_rwlock_wrlock(&catalogue->lock);
    drive = bh_drives_find(&catalogue->contents.drives, name);
    if (drive == NULL) {
        snprintf(cause, BH_CAUSE_LEN, "there is no such slot any more");
        error = -ENOENT;
    } else if (image != NULL) {
        error = put_in(catalogue, drive, image);
    }
    if (error == 0)
        in_drive(catalogue, drive, facts, cause);
    pthread_rwlock_unlock(&catalogue->lock);
    return error;
}

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
    int error = exact(catalogue, facts->name, &now, cause);

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

void bh_catalogue_keep_layers(struct bh_catalogue *catalogue, int dir)
{
    catalogue->layers = dir;
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
        snprintf(cause, BH_CAUSE_LEN, "%s", no_layers);
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

void bh_catalogue_each(struct bh_catalogue *catalogue,
                       bh_catalogue_visitor *visit, void *context)
{
    char cause[BH_CAUSE_LEN];
    struct bh_volume_facts facts;

    scan(catalogue);
    pthread_rwlock_rdlock(&catalogue->lock);
    for (size_t i = 0; i < catalogue->image_count; i++)
        if (exact(catalogue, catalogue->images[i].name, &facts, cause) == 0 &&
            !visit(context, &facts))
            break;
    pthread_rwlock_unlock(&catalogue->lock);
}

void bh_catalogue_each_drive(struct bh_catalogue *catalogue,
                             bh_catalogue_drive_visitor *visit, void *context)
{
    const struct bh_drives *drives = &catalogue->contents.drives;
    char cause[BH_CAUSE_LEN];
    struct bh_volume_facts facts;

    pthread_rwlock_rdlock(&catalogue->lock);
    for (size_t i = 0; i < drives->count; i++) {
        in_drive(catalogue, &drives->of[i], &facts, cause);
        visit(context, &drives->of[i], &facts);
    }
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

static void check_drives(struct bh_catalogue *catalogue,
                         bh_catalogue_complaint *complain, void *context)
{
    const struct bh_drives *drives = &catalogue->contents.drives;

    for (size_t i = 0; i < drives->count; i++) {
        char cause[BH_CAUSE_LEN] = "volumes on NBD servers cannot be in a slot";
        const struct bh_drive *drive = &drives->of[i];
        struct bh_volume_facts facts;

        if (drive->inserted != NULL &&
            (exact_image(catalogue, drive->inserted, &facts, cause) != 0 ||
             bh_nbd_volume_is(&facts)))
            complain(context, drive->name, cause);
    }
}

void bh_catalogue_check(struct bh_catalogue *catalogue,
                        bh_catalogue_complaint *complain, void *context)
{
    pthread_rwlock_rdlock(&catalogue->lock);
    check_drives(catalogue, complain, context);
    for (size_t i = 0; i < catalogue->contents.volume_count; i++) {
        const struct bh_volume_spec *spec = &catalogue->contents.volumes[i];
        char cause[BH_CAUSE_LEN];
        struct bh_volume_facts facts;

        if (exact(catalogue, spec->name, &facts, cause) != 0) {
            complain(context, spec->name, cause);
        } else if (spec->mode == BH_MODE_SCRATCH && catalogue->layers < 0) {
            complain(context, spec->name, no_layers);
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
