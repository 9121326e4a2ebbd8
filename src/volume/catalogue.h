/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: which names are served, and what stands behind each. It
 * refuses to know clients, sessions and the wire.
 *
 * A name is that of a configured volume or single image, or the path of a
 * regular file beneath one of the directories, which no "..", symbolic link or
 * mount trick leaves (openat2). New files appear by themselves. With "#N"
 * behind it, a name or number stands for partition N of the image.
 *
 * Every name that was ever seen keeps its number, while the server runs and, if
 * there is a file for it, after that: `:7` stays what it was.
 *
 * Threads: every call but new and free may come from any thread at any time.
 * Look-ups do not wait for each other, nor for a walk through a directory.
 */
#ifndef BH_VOLUME_CATALOGUE_H
#define BH_VOLUME_CATALOGUE_H

#include "core/job.h"
#include "volume/drive.h"
#include "volume/medium.h"
#include "volume/readme.h"

#include <stddef.h>
#include <stdint.h>

struct bh_catalogue;

/* How a volume is served: one section of the configuration, or the defaults
 * for what is found beneath a directory. */
struct bh_volume_spec {
    char *name;          /* NULL for a directory */
    char *path;          /* or the URI of an export on an NBD server */
    uint64_t first;      /* bytes of the file before the volume */
    uint64_t size_limit; /* bytes; 0: to the end of the file */
    uint64_t grow_limit; /* bytes; 0: it does not grow */
    uint64_t idle_ms;
    uint64_t scratch_limit;       /* bytes that a session may change */
    uint32_t keep;                /* checkpoints; 0: clients make none */
    uint8_t mode, takeover, sync; /* enums of core/job.h */
    uint8_t exponent;             /* or BH_ANY_EXPONENT */
    uint8_t format;               /* enum bh_format */
    uint64_t timeout_ms; /* on an NBD server: for an answer; 0: as usual */
    bool roam;
};

/* What is served: volumes come before directories, earlier before later. */
struct bh_contents {
    struct bh_volume_spec *volumes;
    size_t volume_count;
    struct bh_volume_spec *directories;
    size_t directory_count;
    struct bh_drives drives;
};

struct bh_catalogue *bh_catalogue_new(void);
void bh_catalogue_free(struct bh_catalogue *catalogue);

/* Takes on the numbers in the file `numbers` of the directory `dir`, and keeps
 * new ones there; to be called once, before anything is served. -EBADMSG, and
 * nothing done, if the file is not to be believed; -ENFILE if it has used up
 * all numbers. */
int bh_catalogue_remember(struct bh_catalogue *catalogue, int dir);

/* What `:readme` says of this server; to be called before anything is served.
 */
void bh_catalogue_introduce(struct bh_catalogue *catalogue, bh_about *about,
                            void *context);

/* Serves `contents` from now on, and takes it over: each path and name comes
 * from malloc. Fails, and changes nothing, if a directory cannot be opened. */
int bh_catalogue_set(struct bh_catalogue *catalogue,
                     struct bh_contents *contents, char cause[BH_CAUSE_LEN]);
void bh_contents_free(struct bh_contents *contents);

/* The facts of what `name` stands for; an empty name is `default_name`.
 * -ENOENT: nothing that is served. `cause` says why, for the log. */
int bh_catalogue_lookup(struct bh_catalogue *catalogue, const char *name,
                        const char *default_name, struct bh_volume_facts *facts,
                        char cause[BH_CAUSE_LEN]);

/* Puts `image`, a served name, into the slot of these facts; an empty one:
 * nothing; NULL: it stays as it is. The slot's facts then. Fails, and changes
 * nothing, if that cannot be remembered. */
int bh_catalogue_swap(struct bh_catalogue *catalogue, const char *image,
                      struct bh_volume_facts *facts, char cause[BH_CAUSE_LEN]);

/* Opens what an earlier look-up has found. -ESTALE if its name stands for
 * something else now. */
int bh_catalogue_open(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts,
                      struct bh_medium **out, char cause[BH_CAUSE_LEN]);

/* Keeps the layers of scratch volumes in the directory `dir` from now on, and
 * takes it over; to be called once, before anything is served. */
void bh_catalogue_keep_layers(struct bh_catalogue *catalogue, int dir);

/* Lays that of `facts` over `*medium`, as bh_layer_lay() does. */
int bh_catalogue_lay(struct bh_catalogue *catalogue,
                     const struct bh_volume_facts *facts, uint32_t unit,
                     bool fresh, struct bh_medium **medium,
                     char cause[BH_CAUSE_LEN]);
int bh_catalogue_discard(struct bh_catalogue *catalogue,
                         const struct bh_volume_facts *facts);

/* Where an image is at home. */
struct bh_home {
    int dir;       /* the directory that it lies in */
    int image;     /* itself, open as its volume is served */
    uint32_t keep; /* checkpoints of it; 0: its clients make none */
    char leaf[BH_VOLUME_NAME_LEN + 1]; /* its name there */
};

/* The home of the image of these facts; both descriptors are to be closed. */
int bh_catalogue_home(struct bh_catalogue *catalogue,
                      const struct bh_volume_facts *facts, struct bh_home *out,
                      char cause[BH_CAUSE_LEN]);

/* Calls `visit` for each volume, sorted by name, until it returns false. */
typedef bool bh_catalogue_visitor(void *context,
                                  const struct bh_volume_facts *facts);
void bh_catalogue_each(struct bh_catalogue *catalogue,
                       bh_catalogue_visitor *visit, void *context);

/* Calls `visit` for each slot, with what it is now. */
typedef void bh_catalogue_drive_visitor(void *context,
                                        const struct bh_drive *drive,
                                        const struct bh_volume_facts *facts);
void bh_catalogue_each_drive(struct bh_catalogue *catalogue,
                             bh_catalogue_drive_visitor *visit, void *context);

/* A descriptor of the first directory that is served, for new images; -ENOENT
 * if there is none. */
int bh_catalogue_directory(struct bh_catalogue *catalogue);

/* There are new images: they are looked for with the next call that needs to
 * know, however soon. */
void bh_catalogue_stir(struct bh_catalogue *catalogue);

/* Tells `complain` of each configured volume that cannot be served, or not in
 * its whole length; but not of those on NBD servers. */
typedef void bh_catalogue_complaint(void *context, const char *name,
                                    const char *cause);
void bh_catalogue_check(struct bh_catalogue *catalogue,
                        bh_catalogue_complaint *complain, void *context);

/* Asks the NBD servers of volumes of which nothing is known yet, and tells of
 * those that cannot be served. May take seconds for each. */
void bh_catalogue_ask(struct bh_catalogue *catalogue,
                      bh_catalogue_complaint *complain, void *context);

/* No NBD server is asked any more, and who is being asked not for long. */
void bh_catalogue_stop(struct bh_catalogue *catalogue);

/* Whether there are volumes on NBD servers. */
bool bh_catalogue_has_remote(struct bh_catalogue *catalogue);

#endif
