/* SPDX-License-Identifier: MIT */
/*
 * nbdkit-blockhead-plugin: images of a Blockhead server for NBD clients. What
 * nbdkit calls, and no more: the command line is settings.c's, sessions are
 * sessions.c's, bytes and many threads are libblockhead's.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "client/blockhead.h"
#include "exports.h"
#include "failure.h"
#include "sessions.h"
#include "settings.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* Most programs ask for as much at a time at least. */
#define PREFERRED_LEN 4096u

/* -D blockhead.io=1: each request, with -v. */
NBDKIT_DLL_PUBLIC int blockhead_debug_io = 0;

static struct settings settings = SETTINGS_INIT;
static struct sessions sessions;

/*
 * The process.
 */

static int plugin_config(const char *key, const char *value)
{
    return settings_set(&settings, key, value);
}

static int plugin_config_complete(void)
{
    return settings_check(&settings);
}

static int plugin_after_fork(void)
{
    return sessions_start(&sessions, &settings);
}

static void plugin_cleanup(void)
{
    sessions_end(&sessions);
}

static void plugin_dump(void)
{
    printf("blockhead_version=%s\n", BH_VERSION);
    printf("blockhead_default_port=%d\n", BH_DEFAULT_PORT);
    printf("blockhead_sector_max=16384\n");
}

static int plugin_list_exports(int read_only, int is_tls,
                               struct nbdkit_exports *exports)
{
    (void)read_only;
    (void)is_tls;
    return exports_list(&settings, exports);
}

/*
 * A connection.
 */

static void *plugin_open(int read_only)
{
    const char *image = settings.url.image;

    if (image[0] == '\0')
        image = nbdkit_export_name();
    if (image == NULL)
        return NULL;
    if (strlen(image) >= sizeof(settings.url.image)) {
        failure_tell(-ENOENT, "an image's name is 255 bytes long at most");
        return NULL;
    }
    return sessions_enter(&sessions, image, read_only || settings.look);
}

static void plugin_close(void *handle)
{
    sessions_leave(&sessions, handle);
}

static const char *plugin_export_description(void *handle)
{
    const struct session *session = handle;

    return session->info.name;
}

static int64_t plugin_get_size(void *handle)
{
    const struct session *session = handle;

    return (int64_t)session->size;
}

/* Of a shared volume others may change the rest of a sector, between reading it
 * and writing it back. */
static int plugin_block_size(void *handle, uint32_t *minimum,
                             uint32_t *preferred, uint32_t *maximum)
{
    const struct bh_info *info = &((const struct session *)handle)->info;

    *minimum = info->shared ? info->sector_len : 1;
    *preferred =
        info->sector_len > PREFERRED_LEN ? info->sector_len : PREFERRED_LEN;
    *maximum = UINT32_MAX;
    return 0;
}

static int plugin_can_write(void *handle)
{
    const struct session *session = handle;

    return !session->read_only && !session->info.read_only;
}

static int plugin_can_flush(void *handle)
{
    (void)handle;
    return 1;
}

static int plugin_can_fua(void *handle)
{
    (void)handle;
    return NBDKIT_FUA_EMULATE; /* by a flush, which the server does not lack */
}

/* There is one session for all connections, and a flush covers all that was
 * acknowledged in it. */
static int plugin_can_multi_conn(void *handle)
{
    (void)handle;
    return 1;
}

static int plugin_can_trim(void *handle)
{
    const struct bh_info *info = &((const struct session *)handle)->info;

    return info->strict && info->features & BH_FEATURE_TRIM;
}

static int plugin_can_zero(void *handle)
{
    const struct bh_info *info = &((const struct session *)handle)->info;

    return info->strict && info->features & BH_FEATURE_ZERO;
}

/*
 * Requests.
 */

/* Others write to a shared volume, maybe the rest of a sector between our
 * reading it and writing it back. Who has not listened to block_size() is told
 * so. */
static bool is_whole(const struct session *session, uint32_t count,
                     uint64_t offset)
{
    const struct bh_info *info = &session->info;
    char sentence[480];

    if (!info->shared || (count | offset) % info->sector_len == 0)
        return true;
    snprintf(sentence, sizeof(sentence),
             "\"%s\" is shared, and so written to in whole sectors of %u "
             "bytes, of which %u bytes at %llu are none",
             session->image, info->sector_len, count,
             (unsigned long long)offset);
    failure_tell(-EINVAL, sentence);
    return false;
}

static void trace(const char *what, const struct session *session,
                  uint32_t count, uint64_t offset)
{
    if (blockhead_debug_io)
        nbdkit_debug("%s \"%s\" %u bytes at %llu", what, session->image, count,
                     (unsigned long long)offset);
}

static int told(struct session *session, int rc, const char *error)
{
    if (sessions_is_stale(rc))
        sessions_note_stale(&sessions, session);
    return rc < 0 ? failure_tell(rc, error) : 0;
}

static int plugin_pread(void *handle, void *buffer, uint32_t count,
                        uint64_t offset, uint32_t flags)
{
    struct session *session = handle;
    char error[1024];

    (void)flags;
    trace("read", session, count, offset);
    return told(session,
                bh_share_pread(session->share, offset, count, buffer, error,
                               sizeof(error)),
                error);
}

static int plugin_pwrite(void *handle, const void *buffer, uint32_t count,
                         uint64_t offset, uint32_t flags)
{
    struct session *session = handle;
    char error[1024];

    (void)flags;
    trace("write", session, count, offset);
    if (!is_whole(session, count, offset))
        return -1;
    return told(session,
                bh_share_pwrite(session->share, offset, count, buffer, error,
                                sizeof(error)),
                error);
}

static int plugin_flush(void *handle, uint32_t flags)
{
    struct session *session = handle;
    char error[1024];

    (void)flags;
    trace("flush", session, 0, 0);
    return told(session, bh_share_flush(session->share, error, sizeof(error)),
                error);
}

static int plugin_trim(void *handle, uint32_t count, uint64_t offset,
                       uint32_t flags)
{
    struct session *session = handle;
    char error[1024];

    (void)flags;
    trace("trim", session, count, offset);
    return told(
        session,
        bh_share_trim(session->share, offset, count, error, sizeof(error)),
        error);
}

static int plugin_zero(void *handle, uint32_t count, uint64_t offset,
                       uint32_t flags)
{
    struct session *session = handle;
    unsigned how = flags & NBDKIT_FLAG_MAY_TRIM && plugin_can_trim(handle)
                       ? BH_ZERO_MAY_TRIM
                       : 0;
    char error[1024];

    trace("zero", session, count, offset);
    if (!is_whole(session, count, offset))
        return -1;
    return told(
        session,
        bh_share_zero(session->share, offset, count, how, error, sizeof(error)),
        error);
}

#define HELP                                                                   \
    "blockhead://HOST[:PORT]/IMAGE[?sector=N]\n"                               \
    "                 which server and image; or:\n"                           \
    "server=HOST[:PORT]\n"                                                     \
    "image=NAME       without it the export's name says which image\n"         \
    "sector=N         bytes, 128 to 16384; best (the default): the longest,\n" \
    "                 to 4096, that suits image and network\n"                 \
    "look=yes         read without a lock, also what another session writes\n" \
    "timeout=SECONDS  patience for each request (default 30)\n"                \
    "linger=SECONDS   how long a session waits for the next connection\n"      \
    "                 (default 2)\n"                                           \
    "wait=SECONDS     for an image that another session has (default 1)"

static struct nbdkit_plugin plugin = {
    .name = "blockhead",
    .version = BH_VERSION,
    .longname = "nbdkit Blockhead plugin",
    .description = "Images of a Blockhead server",
    .magic_config_key = "url",
    .config = plugin_config,
    .config_complete = plugin_config_complete,
    .config_help = HELP,
    .dump_plugin = plugin_dump,
    .after_fork = plugin_after_fork,
    .cleanup = plugin_cleanup,
    .list_exports = plugin_list_exports,
    .open = plugin_open,
    .close = plugin_close,
    .export_description = plugin_export_description,
    .get_size = plugin_get_size,
    .block_size = plugin_block_size,
    .can_write = plugin_can_write,
    .can_flush = plugin_can_flush,
    .can_fua = plugin_can_fua,
    .can_multi_conn = plugin_can_multi_conn,
    .can_trim = plugin_can_trim,
    .can_zero = plugin_can_zero,
    .pread = plugin_pread,
    .pwrite = plugin_pwrite,
    .flush = plugin_flush,
    .trim = plugin_trim,
    .zero = plugin_zero,
};

/* The macro defines it, and clang wants it declared. */
struct nbdkit_plugin *plugin_init(void);

NBDKIT_REGISTER_PLUGIN(plugin)
