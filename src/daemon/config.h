/* SPDX-License-Identifier: MIT */
/*
 * What the administrator wants: the command line over the configuration file
 * over the defaults. blockheadd.conf(5) describes every key.
 */
#ifndef BH_DAEMON_CONFIG_H
#define BH_DAEMON_CONFIG_H

#include "net/place.h"
#include "volume/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BH_LISTEN_MAX 8u
#define BH_PROBLEM_LEN 320u
#define BH_SCRATCH_LIMIT (UINT64_C(64) << 20) /* bytes, of each session */

/* The default image of one client host. */
struct bh_host_default {
    char *host; /* as bh_place_print_host() prints it */
    char *image;
};

struct bh_config {
    struct bh_place listen[BH_LISTEN_MAX];
    size_t listen_count;
    char *default_image; /* or NULL */
    char *state;         /* its directory; "none"; NULL: the default one */
    char *control;       /* the socket's path; "none"; NULL: the default one */
    struct bh_host_default *hosts;
    size_t host_count;
    uint32_t session_count;
    bool read_only;
    struct bh_volume_spec defaults; /* of volumes that do not say */
    struct bh_contents contents;
};

/* The built-in defaults. */
void bh_config_init(struct bh_config *config);
void bh_config_free(struct bh_config *config);

/* Reads the INI file `path` into `config`. Relative paths in it start at its
 * directory. On -EINVAL or another error `problem` is a sentence. */
int bh_config_read(struct bh_config *config, const char *path,
                   char problem[BH_PROBLEM_LEN]);

/* One argument of the command line, or one `serve` key: a directory, or an
 * image, or an NBD server's export, under its own name. */
int bh_config_serve(struct bh_config *config, const char *path,
                    char problem[BH_PROBLEM_LEN]);

/* One place to listen at, as bh_place_parse() takes it. */
int bh_config_listen(struct bh_config *config, const char *address,
                     char problem[BH_PROBLEM_LEN]);

/* The last step: passes the defaults on to whatever leaves a value open. */
void bh_config_settle(struct bh_config *config);

/* The default image of a host, or NULL. */
const char *bh_config_default_image(const struct bh_config *config,
                                    const char *host);

#endif
