/* SPDX-License-Identifier: MIT */
#include "daemon/config.h"

#include "core/limits.h"
#include "daemon/value.h"
#include "net/address.h"
#include "net/ether_link.h"
#include "volume/checkpoint.h"
#include "volume/format.h"
#include "volume/name.h"
#include "volume/nbd_uri.h"
#include "wire/protocol.h"

#include <errno.h>
#include <ini.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A value that a section leaves open until bh_config_settle(). */
#define OPEN 0xFE
#define OPEN_TIME UINT64_MAX
#define OPEN_KEEP UINT32_MAX
#define OPEN_LIMIT 0

#define KEEP_MAX 9999u
#define TIMEOUT_MIN_MS 1000u
#define TIMEOUT_MAX_MS 3600000u

/* libinih cuts longer ones: INI_MAX_SECTION - 1 in its sources. */
#define SECTION_LEN_MAX 49u

/* While a file is read. */
struct reader {
    struct bh_config *config;
    const char *path;
    char *problem; /* BH_PROBLEM_LEN; empty: none so far */
};

__attribute__((format(printf, 2, 3))) static int
complain(char *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, BH_PROBLEM_LEN, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static void *check(void *memory)
{
    if (memory == NULL) {
        fputs("blockheadd: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void set_text(char **at, const char *text)
{
    free(*at);
    *at = check(strdup(text));
}

/* `path`, taken from the directory of the file `from` if it is relative. */
static char *path_from(const char *from, const char *path)
{
    char *copy, *joined;

    if (path[0] == '/' || from == NULL || bh_nbd_uri_is(path))
        return check(strdup(path));
    copy = check(strdup(from));
    if (asprintf(&joined, "%s/%s", dirname(copy), path) < 0)
        joined = NULL;
    free(copy);
    return check(joined);
}

void bh_config_init(struct bh_config *config)
{
    *config = (struct bh_config){.session_count = BH_SESSIONS_DEFAULT,
                                 .defaults = {.idle_ms = BH_IDLE_DEFAULT_MS,
                                              .keep = BH_CHECKPOINT_KEEP,
                                              .mode = BH_MODE_EXCLUSIVE,
                                              .takeover = BH_TAKEOVER_HOST,
                                              .sync = BH_SYNC_FLUSH,
                                              .exponent = BH_ANY_EXPONENT}};
}

void bh_config_free(struct bh_config *config)
{
    for (size_t i = 0; i < config->host_count; i++) {
        free(config->hosts[i].host);
        free(config->hosts[i].image);
    }
    free(config->hosts);
    free(config->default_image);
    free(config->state);
    free(config->control);
    bh_contents_free(&config->contents);
    *config = (struct bh_config){0};
}

static struct bh_volume_spec *add_spec(struct bh_volume_spec **specs,
                                       size_t *count)
{
    *specs = check(realloc(*specs, (*count + 1) * sizeof **specs));
    (*specs)[*count] = (struct bh_volume_spec){.idle_ms = OPEN_TIME,
                                               .keep = OPEN_KEEP,
                                               .mode = OPEN,
                                               .takeover = OPEN,
                                               .sync = OPEN,
                                               .exponent = OPEN,
                                               .format = OPEN};
    return &(*specs)[(*count)++];
}

static struct bh_volume_spec *find_volume(struct bh_config *config,
                                          const char *name)
{
    struct bh_contents *contents = &config->contents;

    for (size_t i = 0; i < contents->volume_count; i++)
        if (strcmp(contents->volumes[i].name, name) == 0)
            return &contents->volumes[i];
    return NULL;
}

static int serve_image(struct bh_config *config, const char *path,
                       const char *name, char problem[BH_PROBLEM_LEN])
{
    struct bh_contents *contents = &config->contents;
    const char *bad = bh_name_problem(name);
    struct bh_volume_spec *spec;

    if (bad != NULL)
        return complain(problem, "cannot serve %s under the name '%s': %s",
                        path, name, bad);
    if (find_volume(config, name) != NULL)
        return complain(problem,
                        "cannot serve %s: the name '%s' is taken; give it "
                        "another one in a [volume] section",
                        path, name);
    spec = add_spec(&contents->volumes, &contents->volume_count);
    spec->name = check(strdup(name));
    spec->path = check(strdup(path));
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static int serve_export(struct bh_config *config, const char *uri,
                        char problem[BH_PROBLEM_LEN])
{
    const char *bad = bh_nbd_uri_problem(uri);
    char export[BH_NBD_URI_LEN];

    if (bad != NULL)
        return complain(problem, "cannot serve %s: %s", uri, bad);
    bh_nbd_uri_export(uri, export, sizeof export);
    if (export[0] == '\0')
        return complain(problem,
                        "cannot serve %s: its export has no name; give it one "
                        "in a [volume] section",
                        uri);
    return serve_image(config, uri, base_name(export), problem);
}

int bh_config_serve(struct bh_config *config, const char *path,
                    char problem[BH_PROBLEM_LEN])
{
    struct bh_contents *contents = &config->contents;
    char image[PATH_MAX];
    unsigned partition;
    struct stat st;

    if (bh_nbd_uri_is(path))
        return serve_export(config, path, problem);
    if (stat(path, &st) != 0 &&
        (!bh_name_split(path, image, sizeof image, &partition) ||
         stat(image, &st) != 0))
        return complain(problem, "cannot serve %s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        add_spec(&contents->directories, &contents->directory_count)->path =
            check(strdup(path));
        return 0;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return complain(problem,
                        "cannot serve %s: it is no file, directory or block "
                        "device",
                        path);
    return serve_image(config, path, base_name(path), problem);
}

static bool is_taken(const struct bh_config *config,
                     const struct bh_place *place)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (config->listen[i].transport == place->transport &&
            strcmp(config->listen[i].path, place->path) == 0)
            return true;
    return false;
}

int bh_config_listen(struct bh_config *config, const char *address,
                     char problem[BH_PROBLEM_LEN])
{
    struct bh_place place;
    const char *why;

    if (bh_place_parse(address, BH_PORT, &place, &why) != 0)
        return complain(problem, "cannot listen on '%.80s': %s", address, why);
    if (place.path[0] != '\0' && is_taken(config, &place))
        return complain(problem, "cannot listen on '%.80s' twice", place.path);
    if (config->listen_count == BH_LISTEN_MAX)
        return complain(problem, "cannot listen on more than %u addresses",
                        BH_LISTEN_MAX);
    config->listen[config->listen_count++] = place;
    return 0;
}

/*
 * The file.
 */

static int wrong_value(const struct reader *reader, const char *section,
                       const char *key, const char *value, const char *expected)
{
    return complain(reader->problem, "%s: [%s] %s = %s: expected %s",
                    reader->path, section, key, value, expected);
}

static int unknown_key(const struct reader *reader, const char *section,
                       const char *key)
{
    return complain(reader->problem,
                    "%s: [%s] has no key '%s'; blockheadd.conf(5) lists them",
                    reader->path, section, key);
}

/* What a volume's section and [server] have in common. 1: not such a key. */
static int shared_key(const struct reader *reader, const char *section,
                      struct bh_volume_spec *spec, const char *key,
                      const char *value)
{
    static const char *const takeovers[] = {"host", "address", "never", NULL};
    static const char *const syncs[] = {"flush", "write", NULL};
    static const char *const formats[] = {"auto", "raw",  "2mg", "atr", "jvc",
                                          "vdk",  "dc42", "vhd", NULL};
    const char *expected;
    uint64_t number;
    bool good;

    if (strcmp(key, "takeover") == 0) {
        good = bh_value_word(value, takeovers, &spec->takeover);
        expected = "host, address or never";
    } else if (strcmp(key, "sync") == 0) {
        good = bh_value_word(value, syncs, &spec->sync);
        expected = "flush or write";
    } else if (strcmp(key, "format") == 0) {
        good = bh_value_word(value, formats, &spec->format);
        expected = "auto, raw, 2mg, atr, jvc, vdk, dc42 or vhd";
    } else if (strcmp(key, "keep") == 0) {
        good = bh_value_number(value, 0, KEEP_MAX, &number);
        if (good)
            spec->keep = (uint32_t)number;
        expected = "a number from 0 to 9999";
    } else if (strcmp(key, "idle") == 0) {
        good = bh_value_time(value, &spec->idle_ms);
        expected = "a time such as 90s, 30m or 2h, or never";
    } else {
        return 1;
    }
    return good ? 0 : wrong_value(reader, section, key, value, expected);
}

static int set_path(const struct reader *reader, char **at, const char *value)
{
    free(*at);
    *at = strcmp(value, "none") == 0 ? check(strdup(value))
                                     : path_from(reader->path, value);
    return 0;
}

static int server_key(const struct reader *reader, const char *section,
                      const char *key, const char *value)
{
    struct bh_config *config = reader->config;
    uint64_t number;
    int error;

    if (strcmp(key, "listen") == 0)
        return bh_config_listen(config, value, reader->problem);
    if (strcmp(key, "serve") == 0) {
        char *path = path_from(reader->path, value);

        error = bh_config_serve(config, path, reader->problem);
        free(path);
        return error;
    }
    if (strcmp(key, "default") == 0) {
        set_text(&config->default_image, value);
        return 0;
    }
    if (strcmp(key, "state") == 0)
        return set_path(reader, &config->state, value);
    if (strcmp(key, "control") == 0)
        return set_path(reader, &config->control, value);
    if (strcmp(key, "read-only") == 0) {
        return bh_value_bool(value, &config->read_only)
                   ? 0
                   : wrong_value(reader, section, key, value, "yes or no");
    }
    if (strcmp(key, "sessions") == 0) {
        if (!bh_value_number(value, BH_SESSIONS_MIN, BH_SESSIONS_MAX, &number))
            return wrong_value(reader, section, key, value,
                               "a number from 16 to 32768");
        config->session_count = (uint32_t)number;
        return 0;
    }
    error = shared_key(reader, section, &config->defaults, key, value);
    return error == 1 ? unknown_key(reader, section, key) : error;
}

/* How bh_traffic_host() calls whoever is meant. A socket's mode and a line's
 * speed, which may be given, are no part of that. */
static bool parse_host(const char *text, char host[BH_PLACE_TEXT_LEN])
{
    bool is_place =
        strncmp(text, "unix:", 5) == 0 || strncmp(text, "serial:", 7) == 0;
    uint8_t mac[BH_MAC_LEN];
    struct bh_address address;
    struct bh_place place;
    const char *end;

    if (is_place && bh_place_parse(text, 0, &place, &end) == 0)
        bh_place_print_host(&place, host);
    else if (is_place)
        snprintf(host, BH_PLACE_TEXT_LEN, "%s", text);
    else if (bh_mac_parse(text, mac, &end) && *end == '\0')
        bh_mac_print(mac, host);
    else if (strcmp(text, "*") != 0 && bh_address_parse(text, 0, &address) == 0)
        bh_address_print_host(&address, host);
    else
        return false;
    return true;
}

static int host_key(const struct reader *reader, const char *section,
                    const char *key, const char *value)
{
    struct bh_config *config = reader->config;
    const char *text = strchr(section, ' ') + 1;
    char host[BH_PLACE_TEXT_LEN];

    if (strcmp(key, "default") != 0)
        return unknown_key(reader, section, key);
    if (!parse_host(text, host))
        return complain(reader->problem,
                        "%s: [%s]: '%s' is no numeric address, nor unix:PATH "
                        "or serial:DEVICE",
                        reader->path, section, text);
    config->hosts = check(realloc(config->hosts, (config->host_count + 1) *
                                                     sizeof *config->hosts));
    config->hosts[config->host_count++] =
        (struct bh_host_default){check(strdup(host)), check(strdup(value))};
    return 0;
}

/* The keys that only a volume has. 1: not such a key. */
static int own_key(const struct reader *reader, const char *section,
                   struct bh_volume_spec *spec, const char *key,
                   const char *value)
{
    static const char *const modes[] = {"exclusive", "shared", "read-only",
                                        "scratch", NULL};
    static const char *const a_size = "a size such as 1474560, 720K or 32M";
    const char *expected = a_size;
    bool good;

    if (strcmp(key, "mode") == 0) {
        good = bh_value_word(value, modes, &spec->mode);
        expected = "exclusive, shared, read-only or scratch";
    } else if (strcmp(key, "sector") == 0) {
        good = bh_value_sector(value, &spec->exponent);
        expected = "128, 256, 512, ... 16384, or any";
    } else if (strcmp(key, "offset") == 0) {
        good = bh_value_size(value, &spec->first);
    } else if (strcmp(key, "size") == 0) {
        good = bh_value_size(value, &spec->size_limit);
    } else if (strcmp(key, "grow") == 0) {
        good = bh_value_size(value, &spec->grow_limit);
    } else if (strcmp(key, "scratch-limit") == 0) {
        good = bh_value_size(value, &spec->scratch_limit) &&
               spec->scratch_limit != OPEN_LIMIT;
    } else if (strcmp(key, "timeout") == 0) {
        good = bh_value_time(value, &spec->timeout_ms) &&
               spec->timeout_ms >= TIMEOUT_MIN_MS &&
               spec->timeout_ms <= TIMEOUT_MAX_MS;
        expected = "a time from 1s to 1h";
    } else if (strcmp(key, "roam") == 0) {
        good = bh_value_bool(value, &spec->roam);
        expected = "yes or no";
    } else {
        return 1;
    }
    return good ? 0 : wrong_value(reader, section, key, value, expected);
}

static int set_volume_path(const struct reader *reader, const char *section,
                           struct bh_volume_spec *spec, const char *value)
{
    const char *bad = bh_nbd_uri_is(value) ? bh_nbd_uri_problem(value) : NULL;

    if (bad != NULL)
        return complain(reader->problem, "%s: [%s] path = %s: %s", reader->path,
                        section, value, bad);
    spec->path = path_from(reader->path, value);
    return 0;
}

static int volume_key(const struct reader *reader, const char *section,
                      const char *key, const char *value)
{
    struct bh_contents *contents = &reader->config->contents;
    const char *name = strchr(section, ' ') + 1;
    struct bh_volume_spec *spec = find_volume(reader->config, name);
    const char *bad = bh_name_problem(name);
    int error;

    if (bad != NULL)
        return complain(reader->problem, "%s: [%s]: a bad name: %s",
                        reader->path, section, bad);
    if (spec == NULL) {
        spec = add_spec(&contents->volumes, &contents->volume_count);
        spec->name = check(strdup(name));
    }
    if (strcmp(key, "path") == 0) {
        if (spec->path != NULL)
            return complain(reader->problem,
                            "%s: [%s] has two paths; each section is to be "
                            "there once",
                            reader->path, section);
        return set_volume_path(reader, section, spec, value);
    }
    error = own_key(reader, section, spec, key, value);
    if (error == 1)
        error = shared_key(reader, section, spec, key, value);
    return error == 1 ? unknown_key(reader, section, key) : error;
}

static struct bh_drive *add_drive(struct bh_config *config, const char *name)
{
    struct bh_drives *drives = &config->contents.drives;

    drives->of =
        check(realloc(drives->of, (drives->count + 1) * sizeof *drives->of));
    drives->of[drives->count] = (struct bh_drive){.name = check(strdup(name))};
    return &drives->of[drives->count++];
}

static int slot_key(const struct reader *reader, const char *section,
                    const char *key, const char *value)
{
    static const char *const words[] = {"tell", "silent", NULL};
    const char *name = strchr(section, ' ') + 1;
    const char *bad = bh_name_problem(name);
    struct bh_drive *drive =
        bh_drives_find(&reader->config->contents.drives, name);
    uint8_t word;

    if (bad != NULL)
        return complain(reader->problem, "%s: [%s]: a bad name: %s",
                        reader->path, section, bad);
    if (drive == NULL)
        drive = add_drive(reader->config, name);
    if (strcmp(key, "image") == 0) {
        if (value[0] != '\0')
            set_text(&drive->image, value);
        return 0;
    }
    if (strcmp(key, "swap") != 0)
        return unknown_key(reader, section, key);
    if (!bh_value_word(value, words, &word))
        return wrong_value(reader, section, key, value, "tell or silent");
    drive->silent = word == 1;
    return 0;
}

/* For libinih: 1 if all is well. The first problem is the one that is told. */
static int one_key(void *context, const char *section, const char *key,
                   const char *value)
{
    const struct reader *reader = context;
    int error;

    if (reader->problem[0] != '\0')
        return 0;
    if (strlen(section) >= SECTION_LEN_MAX)
        error = complain(reader->problem,
                         "%s: [%s...]: a section's name has at most %u bytes",
                         reader->path, section, SECTION_LEN_MAX - 1);
    else if (strcmp(section, "server") == 0)
        error = server_key(reader, section, key, value);
    else if (strncmp(section, "volume ", 7) == 0)
        error = volume_key(reader, section, key, value);
    else if (strncmp(section, "slot ", 5) == 0)
        error = slot_key(reader, section, key, value);
    else if (strncmp(section, "host ", 5) == 0)
        error = host_key(reader, section, key, value);
    else
        error = complain(reader->problem,
                         "%s: there is no section [%s]; use [server], [volume "
                         "NAME], [slot NAME] and [host ADDRESS]",
                         reader->path, section);
    return error == 0;
}

/* Whether it says that there is a header. */
static bool has_format(const struct bh_volume_spec *spec)
{
    return spec->format != OPEN && spec->format != BH_FORMAT_AUTO &&
           spec->format != BH_FORMAT_RAW;
}

/* What goes with a file only, or with an NBD server only. */
static int check_place(const struct bh_volume_spec *spec, const char *path,
                       char problem[BH_PROBLEM_LEN])
{
    if (!bh_nbd_uri_is(spec->path))
        return spec->timeout_ms == 0
                   ? 0
                   : complain(problem,
                              "%s: [volume %s] has a timeout, which only "
                              "volumes on NBD servers have",
                              path, spec->name);
    if (!has_format(spec) && spec->grow_limit == 0 &&
        spec->mode != BH_MODE_SCRATCH)
        return 0;
    return complain(problem,
                    "%s: [volume %s] is on an NBD server; it goes without "
                    "format, grow and mode = scratch",
                    path, spec->name);
}

/* What one key alone cannot tell. */
static int check_scratch(const struct bh_volume_spec *spec, const char *path,
                         char problem[BH_PROBLEM_LEN])
{
    bool scratch = spec->mode == BH_MODE_SCRATCH;

    if (!scratch && spec->scratch_limit != OPEN_LIMIT)
        return complain(problem,
                        "%s: [volume %s] has a scratch-limit, and its mode is "
                        "not scratch",
                        path, spec->name);
    if (scratch && spec->grow_limit != 0)
        return complain(problem,
                        "%s: [volume %s] has both grow and mode = scratch, "
                        "where nothing is written to the image",
                        path, spec->name);
    return 0;
}

static int check_volumes(const struct bh_config *config, const char *path,
                         char problem[BH_PROBLEM_LEN])
{
    for (size_t i = 0; i < config->contents.volume_count; i++) {
        const struct bh_volume_spec *spec = &config->contents.volumes[i];

        if (spec->path == NULL)
            return complain(problem, "%s: [volume %s] has no path", path,
                            spec->name);
        if (spec->grow_limit != 0 && spec->size_limit != 0)
            return complain(problem,
                            "%s: [volume %s] has both size and grow; a volume "
                            "of fixed size cannot grow",
                            path, spec->name);
        if (has_format(spec) && (spec->first != 0 || spec->size_limit != 0 ||
                                 spec->grow_limit != 0))
            return complain(problem,
                            "%s: [volume %s] has a format, whose header says "
                            "where the volume lies; it goes without offset, "
                            "size and grow",
                            path, spec->name);
        if (check_scratch(spec, path, problem) != 0 ||
            check_place(spec, path, problem) != 0)
            return -EINVAL;
    }
    return 0;
}

static int check_slots(struct bh_config *config, const char *path,
                       char problem[BH_PROBLEM_LEN])
{
    const struct bh_drives *drives = &config->contents.drives;

    for (size_t i = 0; i < drives->count; i++) {
        const struct bh_drive *drive = &drives->of[i];

        if (find_volume(config, drive->name) != NULL)
            return complain(problem, "%s: '%s' is both a volume and a slot",
                            path, drive->name);
        if (drive->image != NULL &&
            bh_drives_find(drives, drive->image) != NULL)
            return complain(problem,
                            "%s: [slot %s]: '%s' is a slot, too, and no image",
                            path, drive->name, drive->image);
    }
    return 0;
}

int bh_config_read(struct bh_config *config, const char *path,
                   char problem[BH_PROBLEM_LEN])
{
    struct reader reader = {config, path, problem};
    int line;

    problem[0] = '\0';
    line = ini_parse(path, one_key, &reader);
    if (problem[0] != '\0')
        return -EINVAL;
    if (line < 0)
        return complain(problem, "cannot read %s: %s", path, strerror(errno));
    if (line > 0)
        return complain(problem,
                        "%s, line %d: neither '[section]' nor 'key = value'",
                        path, line);
    return check_volumes(config, path, problem) != 0 ||
                   check_slots(config, path, problem) != 0
               ? -EINVAL
               : 0;
}

static void settle_spec(struct bh_volume_spec *spec,
                        const struct bh_config *config)
{
    const struct bh_volume_spec *defaults = &config->defaults;

    if (spec->mode == OPEN)
        spec->mode = defaults->mode;
    if (spec->takeover == OPEN)
        spec->takeover = defaults->takeover;
    if (spec->sync == OPEN)
        spec->sync = defaults->sync;
    if (spec->exponent == OPEN)
        spec->exponent = defaults->exponent;
    if (spec->format == OPEN)
        spec->format = defaults->format;
    if (spec->first != 0 || spec->size_limit != 0 || bh_nbd_uri_is(spec->path))
        spec->format = BH_FORMAT_RAW; /* it is known where the volume lies */
    if (spec->idle_ms == OPEN_TIME)
        spec->idle_ms = defaults->idle_ms;
    if (spec->keep == OPEN_KEEP)
        spec->keep = defaults->keep;
    if (spec->scratch_limit == OPEN_LIMIT)
        spec->scratch_limit = BH_SCRATCH_LIMIT;
    if (config->read_only)
        spec->mode = BH_MODE_READ_ONLY;
}

void bh_config_settle(struct bh_config *config)
{
    struct bh_contents *contents = &config->contents;

    for (size_t i = 0; i < contents->volume_count; i++)
        settle_spec(&contents->volumes[i], config);
    for (size_t i = 0; i < contents->directory_count; i++)
        settle_spec(&contents->directories[i], config);
    for (size_t i = 0; i < contents->drives.count; i++) {
        contents->drives.of[i].takeover = config->defaults.takeover;
        contents->drives.of[i].idle_ms = config->defaults.idle_ms;
    }
    if (config->listen_count == 0)
        (void)bh_config_listen(config, "udp:*:4444", NULL);
}

const char *bh_config_default_image(const struct bh_config *config,
                                    const char *host)
{
    for (size_t i = 0; i < config->host_count; i++)
        if (strcmp(config->hosts[i].host, host) == 0)
            return config->hosts[i].image;
    return config->default_image;
}
