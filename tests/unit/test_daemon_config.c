/* SPDX-License-Identifier: MIT */
/* The configuration file: what is understood, and what is said of the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/limits.h"
#include "daemon/config.h"
#include "volume/format.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct rig {
    char root[64]; /* holds bh.conf, disks/ and disks/a.img */
    struct bh_config config;
    char problem[BH_PROBLEM_LEN];
};

static void write_file(const struct rig *rig, const char *name,
                       const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", rig->root, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    static struct rig rig;
    char path[200];

    memset(&rig, 0, sizeof rig);
    strcpy(rig.root, "/tmp/bh-config-XXXXXX");
    assert_non_null(mkdtemp(rig.root));
    snprintf(path, sizeof path, "%s/disks", rig.root);
    assert_int_equal(mkdir(path, 0755), 0);
    write_file(&rig, "disks/a.img", "image");
    bh_config_init(&rig.config);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[200];

    bh_config_free(&rig->config);
    snprintf(command, sizeof command, "rm -rf %s", rig->root);
    return system(command);
}

static int read_text(struct rig *rig, const char *text)
{
    char path[200];

    write_file(rig, "bh.conf", text);
    snprintf(path, sizeof path, "%s/bh.conf", rig->root);
    return bh_config_read(&rig->config, path, rig->problem);
}

static const struct bh_volume_spec *volume(const struct rig *rig,
                                           const char *name)
{
    const struct bh_contents *contents = &rig->config.contents;

    for (size_t i = 0; i < contents->volume_count; i++)
        if (strcmp(contents->volumes[i].name, name) == 0)
            return &contents->volumes[i];
    fail_msg("no volume %s", name);
    return NULL;
}

static void without_a_file_there_are_defaults(void **state)
{
    struct rig *rig = *state;
    char path[200], text[BH_PLACE_TEXT_LEN];

    snprintf(path, sizeof path, "%s/disks", rig->root);
    assert_int_equal(bh_config_serve(&rig->config, path, rig->problem), 0);
    bh_config_settle(&rig->config);
    assert_int_equal(rig->config.session_count, BH_SESSIONS_DEFAULT);
    assert_false(rig->config.read_only);
    assert_null(bh_config_default_image(&rig->config, "10.0.0.1"));
    assert_int_equal(rig->config.listen_count, 1);
    assert_string_equal(bh_place_print(&rig->config.listen[0], text),
                        "udp:[::]:4444");
    assert_int_equal(rig->config.contents.directory_count, 1);
    assert_int_equal(rig->config.contents.directories[0].idle_ms, 1800000);
    assert_int_equal(rig->config.contents.directories[0].mode,
                     BH_MODE_EXCLUSIVE);
    assert_int_equal(rig->config.contents.directories[0].exponent,
                     BH_ANY_EXPONENT);
}

static void every_key_is_understood(void **state)
{
    struct rig *rig = *state;
    const struct bh_volume_spec *spec;
    char path[200];

    assert_int_equal(read_text(rig, "; a comment\n"
                                    "[server]\n"
                                    "listen = udp:127.0.0.1:5555\n"
                                    "listen = udp:[::1]:6666\n"
                                    "serve = disks\n"
                                    "serve = disks/a.img\n"
                                    "default = a.img\n"
                                    "read-only = no\n"
                                    "sessions = 1000\n"
                                    "state = here\n"
                                    "control = there\n"
                                    "takeover = address\n"
                                    "keep = 3\n"
                                    "sync = write\n"
                                    "idle = 5m\n"
                                    "\n"
                                    "[volume games/zork]\n"
                                    "path = disks/z.dsk\n"
                                    "mode = shared\n"
                                    "sector = 256\n"
                                    "offset = 64\n"
                                    "size = 140K\n"
                                    "takeover = never\n"
                                    "keep = 0\n"
                                    "sync = flush\n"
                                    "idle = never\n"
                                    "roam = yes\n"
                                    "[volume log]\n"
                                    "path = /var/log.img\n"
                                    "grow = 32M\n"
                                    "mode = read-only\n"
                                    "[host 10.0.0.9]\n"
                                    "default = games/zork\n"
                                    "[host fe80::1]\n"
                                    "default = log\n"
                                    "[host 52-54-00-12-34-AB]\n"
                                    "default = mac\n"
                                    "[host unix:/run/s]\n"
                                    "default = unix\n"
                                    "[host serial:/dev/ttyS0]\n"
                                    "default = line\n"
                                    "[host serial:/dev/ttyS1:9600:rtscts]\n"
                                    "default = other\n"),
                     0);
    assert_string_equal(rig->problem, "");
    bh_config_settle(&rig->config);
    assert_int_equal(rig->config.listen_count, 2);
    snprintf(path, sizeof path, "%s/here", rig->root);
    assert_string_equal(rig->config.state, path);
    snprintf(path, sizeof path, "%s/there", rig->root);
    assert_string_equal(rig->config.control, path);
    assert_int_equal(rig->config.session_count, 1000);
    assert_string_equal(bh_config_default_image(&rig->config, "10.0.0.1"),
                        "a.img");
    assert_string_equal(bh_config_default_image(&rig->config, "10.0.0.9"),
                        "games/zork");
    assert_string_equal(bh_config_default_image(&rig->config, "fe80::1"),
                        "log");
    assert_string_equal(
        bh_config_default_image(&rig->config, "52:54:00:12:34:ab"), "mac");
    assert_string_equal(bh_config_default_image(&rig->config, "unix:/run/s"),
                        "unix");
    assert_string_equal(
        bh_config_default_image(&rig->config, "serial:/dev/ttyS0"), "line");
    assert_string_equal(
        bh_config_default_image(&rig->config, "serial:/dev/ttyS1"), "other");

    spec = volume(rig, "games/zork");
    snprintf(path, sizeof path, "%s/disks/z.dsk", rig->root);
    assert_string_equal(spec->path, path); /* from the file's directory */
    assert_int_equal(spec->mode, BH_MODE_SHARED);
    assert_int_equal(spec->exponent, 1);
    assert_int_equal(spec->first, 64);
    assert_int_equal(spec->size_limit, 140 * 1024);
    assert_int_equal(spec->takeover, BH_TAKEOVER_NEVER);
    assert_int_equal(spec->keep, 0);
    assert_int_equal(spec->sync, BH_SYNC_FLUSH);
    assert_int_equal(spec->idle_ms, 0);
    assert_true(spec->roam);

    spec = volume(rig, "log"); /* the rest is the server's */
    assert_string_equal(spec->path, "/var/log.img");
    assert_int_equal(spec->grow_limit, 32u << 20);
    assert_int_equal(spec->mode, BH_MODE_READ_ONLY);
    assert_int_equal(spec->takeover, BH_TAKEOVER_ADDRESS);
    assert_int_equal(spec->keep, 3);
    assert_int_equal(spec->sync, BH_SYNC_WRITE);
    assert_int_equal(spec->idle_ms, 300000);
    assert_int_equal(spec->exponent, BH_ANY_EXPONENT);

    spec = volume(rig, "a.img");
    assert_int_equal(spec->idle_ms, 300000);
    assert_int_equal(rig->config.contents.directories[0].sync, BH_SYNC_WRITE);
}

static void a_read_only_server_has_read_only_volumes(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(read_text(rig, "[volume a]\npath = a\nmode = shared\n"
                                    "[server]\nread-only = yes\nserve = disks"),
                     0);
    bh_config_settle(&rig->config);
    assert_int_equal(volume(rig, "a")->mode, BH_MODE_READ_ONLY);
    assert_int_equal(rig->config.contents.directories[0].mode,
                     BH_MODE_READ_ONLY);
}

/* The server's format is for volumes that say neither theirs nor where they
 * lie, and for directories. */
static void who_says_where_a_volume_lies_wants_it_raw(void **state)
{
    static const struct {
        const char *keys;
        uint8_t without, with_vhd;
    } rows[] = {
        {"", BH_FORMAT_AUTO, BH_FORMAT_VHD},
        {"format = auto\n", BH_FORMAT_AUTO, BH_FORMAT_AUTO},
        {"format = RAW\n", BH_FORMAT_RAW, BH_FORMAT_RAW},
        {"format = 2mg\n", BH_FORMAT_2MG, BH_FORMAT_2MG},
        {"format = dc42\n", BH_FORMAT_DC42, BH_FORMAT_DC42},
        {"offset = 64\n", BH_FORMAT_RAW, BH_FORMAT_RAW},
        {"size = 1M\n", BH_FORMAT_RAW, BH_FORMAT_RAW},
        {"format = auto\nsize = 1M\n", BH_FORMAT_RAW, BH_FORMAT_RAW},
        {"grow = 1M\n", BH_FORMAT_AUTO, BH_FORMAT_VHD},
    };
    struct rig *rig = *state;
    char text[200];

    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        bh_config_free(&rig->config);
        bh_config_init(&rig->config);
        snprintf(text, sizeof text,
                 "[volume x]\npath = a\n%s[server]\nserve = disks\n%s",
                 rows[i / 2].keys, i % 2 == 0 ? "" : "format = vhd\n");
        assert_int_equal(read_text(rig, text), 0);
        bh_config_settle(&rig->config);
        assert_int_equal(volume(rig, "x")->format, i % 2 == 0
                                                       ? rows[i / 2].without
                                                       : rows[i / 2].with_vhd);
        assert_int_equal(rig->config.contents.directories[0].format,
                         i % 2 == 0 ? BH_FORMAT_AUTO : BH_FORMAT_VHD);
    }
}

static void a_scratch_volume_has_a_limit(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(read_text(rig, "[volume a]\npath = a\nmode = scratch\n"
                                    "[volume b]\npath = b\nmode = Scratch\n"
                                    "scratch-limit = 720K\n"),
                     0);
    bh_config_settle(&rig->config);
    assert_int_equal(volume(rig, "a")->mode, BH_MODE_SCRATCH);
    assert_int_equal(volume(rig, "a")->scratch_limit, 64 << 20);
    assert_int_equal(volume(rig, "b")->mode, BH_MODE_SCRATCH);
    assert_int_equal(volume(rig, "b")->scratch_limit, 720 << 10);
    rig->config.read_only = true; /* nobody may write */
    bh_config_settle(&rig->config);
    assert_int_equal(volume(rig, "a")->mode, BH_MODE_READ_ONLY);
}

static void a_partition_is_served_under_its_own_name(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(read_text(rig, "[server]\nserve = disks/a.img#1\n"
                                    "[volume x]\npath = none.img#2\n"),
                     0);
    assert_non_null(strstr(volume(rig, "a.img#1")->path, "disks/a.img#1"));
    assert_non_null(strstr(volume(rig, "x")->path, "/none.img#2"));
    assert_int_equal(read_text(rig, "[server]\nserve = none.img#1\n"), -EINVAL);
    assert_non_null(strstr(rig->problem, "No such file"));
}

/* A mistake: what the sentence has to mention. */
static void a_mistake_is_told_with_place_and_expectation(void **state)
{
    static const struct {
        const char *text;
        const char *said[4];
    } rows[] = {
        {"[server]\nsessions = 15\n",
         {"bh.conf", "[server]", "sessions = 15", "16 to 32768"}},
        {"[server]\nsessions = many\n", {"[server]", "sessions", "16 to"}},
        {"[server]\nread-only = maybe\n", {"[server]", "read-only", "yes"}},
        {"[server]\ntakeover = mine\n",
         {"[server]", "takeover", "host, address or never"}},
        {"[volume x]\nkeep = 10000\n", {"[volume x]", "keep", "0 to 9999"}},
        {"[server]\nsync = always\n", {"[server]", "sync", "flush or write"}},
        {"[server]\nidle = soon\n", {"[server]", "idle", "30m", "never"}},
        {"[server]\nidle = 0\n", {"[server]", "idle", "never"}},
        {"[server]\ncolour = red\n", {"[server]", "colour", "blockheadd.conf"}},
        {"[server]\nmode = shared\n", {"[server]", "mode"}},
        {"[server]\nlisten = ipx:1.2.3.4:5\n", {"ipx:1.2.3.4:5", "udp:"}},
        {"[server]\nlisten = udp:name:5\n", {"udp:name:5", "numbers"}},
        {"[server]\nserve = nowhere\n", {"nowhere", "No such file"}},
        {"[server]\nserve = disks/a.img\nserve = disks/a.img\n",
         {"a.img", "taken"}},
        {"[volume x]\npath = a\nmode = exclusively\n",
         {"[volume x]", "mode", "exclusive, shared, read-only or scratch"}},
        {"[volume x]\npath = a\nmode = scratch\nscratch-limit = 0\n",
         {"[volume x]", "scratch-limit = 0", "720K"}},
        {"[volume x]\npath = a\nmode = scratch\nscratch-limit = all\n",
         {"[volume x]", "scratch-limit = all", "720K"}},
        {"[volume x]\npath = a\nscratch-limit = 1M\n",
         {"[volume x]", "scratch-limit", "mode is not scratch"}},
        {"[volume x]\npath = a\nmode = scratch\ngrow = 1M\n",
         {"[volume x]", "grow", "scratch"}},
        {"[server]\nscratch-limit = 1M\n", {"[server]", "scratch-limit"}},
        {"[volume x]\npath = a\nsector = 500\n",
         {"[volume x]", "sector = 500", "128", "any"}},
        {"[volume x]\npath = a\noffset = -1\n",
         {"[volume x]", "offset = -1", "size"}},
        {"[volume x]\npath = a\nsize = 1KB\n",
         {"[volume x]", "size = 1KB", "720K"}},
        {"[volume x]\npath = a\ngrow = 9000000T\n",
         {"[volume x]", "grow", "720K"}},
        {"[volume x]\npath = a\nroam = far\n",
         {"[volume x]", "roam", "yes or no"}},
        {"[volume x]\npath = a\nlisten = udp:*:1\n", {"[volume x]", "listen"}},
        {"[volume x]\nmode = shared\n", {"[volume x]", "no path"}},
        {"[volume x]\npath = a\nsize = 1\ngrow = 2\n",
         {"[volume x]", "size", "grow"}},
        {"[server]\nformat = adf\n", {"[server]", "format", "auto, raw, 2mg"}},
        {"[volume x]\npath = a\nformat = 2img\n", {"[volume x]", "vhd"}},
        {"[volume x]\npath = a\nformat = atr\noffset = 16\n",
         {"[volume x]", "format", "offset"}},
        {"[volume x]\npath = a\ngrow = 1M\nformat = vhd\n",
         {"[volume x]", "format", "grow"}},
        {"[volume ../x]\npath = a\n", {"[volume ../x]", "name", "'.'"}},
        {"[volume /x]\npath = a\n", {"[volume /x]", "name", "absolute"}},
        {"[volume]\npath = a\n", {"[volume]", "[volume NAME]"}},
        {"[host nowhere]\ndefault = a\n", {"[host nowhere]", "address"}},
        {"[host 10.0.0.1]\npath = a\n", {"[host 10.0.0.1]", "path"}},
        {"[disk]\npath = a\n", {"[disk]", "[volume NAME]"}},
        {"path = a\n", {"bh.conf"}},
        {"[server]\nnonsense\n", {"bh.conf", "line 2"}},
        {"[server\nsessions = 16\n", {"bh.conf", "section"}},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig *rig = *state;

        bh_config_free(&rig->config);
        bh_config_init(&rig->config);
        if (read_text(rig, rows[i].text) != -EINVAL)
            fail_msg("row %zu passes: %s", i, rows[i].text);
        for (size_t k = 0; k < 4 && rows[i].said[k] != NULL; k++)
            if (strstr(rig->problem, rows[i].said[k]) == NULL)
                fail_msg("'%s' is not in: %s", rows[i].said[k], rig->problem);
    }
}

static void the_first_mistake_is_the_one_that_is_told(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(read_text(rig, "[server]\nsessions = 1\nsync = x\n"
                                    "nonsense\n"),
                     -EINVAL);
    assert_non_null(strstr(rig->problem, "sessions"));
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(
        bh_config_read(&rig->config, "/tmp/bh-none.conf", rig->problem),
        -EINVAL);
    assert_non_null(strstr(rig->problem, "/tmp/bh-none.conf"));
    assert_non_null(strstr(rig->problem, "No such file"));
}

/* Not cut silently by the reader beneath. */
static void long_names_and_paths_are_kept_whole_or_refused(void **state)
{
    struct rig *rig = *state;
    char text[1000], name[121], path[301];

    memset(name, 'n', sizeof name);
    name[120] = '\0';
    memset(path, 'p', sizeof path);
    path[0] = '/';
    path[300] = '\0';
    snprintf(text, sizeof text, "[volume %s]\npath = /x\n", name);
    if (read_text(rig, text) == 0)
        assert_string_equal(rig->config.contents.volumes[0].name, name);
    bh_config_free(&rig->config);
    bh_config_init(&rig->config);
    snprintf(text, sizeof text, "[volume x]\npath = %s\n", path);
    if (read_text(rig, text) == 0)
        assert_string_equal(rig->config.contents.volumes[0].path, path);
}

static void only_files_directories_and_block_devices_are_served(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(bh_config_serve(&rig->config, "/dev/null", rig->problem),
                     -EINVAL);
    assert_non_null(strstr(rig->problem, "/dev/null"));
    assert_int_equal(
        bh_config_serve(&rig->config, "/tmp/bh-none", rig->problem), -EINVAL);
    assert_non_null(strstr(rig->problem, "No such file"));
}

static void a_volume_may_be_on_an_nbd_server(void **state)
{
    struct rig *rig = *state;
    const struct bh_volume_spec *spec;

    assert_int_equal(read_text(rig, "[server]\nformat = 2mg\n"
                                    "[volume x]\n"
                                    "path = nbd+unix:///a%20b?socket=/run/s\n"
                                    "timeout = 30s\noffset = 512\n"),
                     0);
    bh_config_settle(&rig->config);
    spec = volume(rig, "x");
    assert_string_equal(spec->path, "nbd+unix:///a%20b?socket=/run/s");
    assert_int_equal(spec->timeout_ms, 30000);
    assert_int_equal(spec->format, BH_FORMAT_RAW);
}

static void what_goes_with_files_only_is_refused_on_an_nbd_server(void **state)
{
    static const char *const texts[][2] = {
        {"path = nbd://h/x\nformat = 2mg\n", "format, grow and"},
        {"path = nbd://h/x\ngrow = 1M\n", "format, grow and"},
        {"path = nbd://h/x\nmode = scratch\n", "mode = scratch"},
        {"path = nbd://\n", "no host"},
        {"path = nbd+unix:///x\n", "?socket=PATH"},
        {"path = /x\ntimeout = 2s\n", "only volumes on NBD servers"},
        {"path = nbd://h/x\ntimeout = never\n", "from 1s to 1h"},
        {"path = nbd://h/x\ntimeout = 999ms\n", "from 1s to 1h"},
        {"path = nbd://h/x\ntimeout = 2h\n", "from 1s to 1h"},
    };
    struct rig *rig = *state;
    char text[200];

    for (size_t i = 0; i < COUNT(texts); i++) {
        snprintf(text, sizeof text, "[volume x]\n%s", texts[i][0]);
        assert_int_equal(read_text(rig, text), -EINVAL);
        assert_non_null(strstr(rig->problem, texts[i][1]));
        bh_config_free(&rig->config);
        bh_config_init(&rig->config);
    }
}

static void an_export_is_served_under_its_own_name(void **state)
{
    static const char *const nameless[] = {"nbd://h", "nbd://h/a/",
                                           "nbd://h/.a"};
    struct rig *rig = *state;

    assert_int_equal(
        bh_config_serve(&rig->config, "nbd://h/dir/a%20b.img", rig->problem),
        0);
    assert_string_equal(volume(rig, "a b.img")->path, "nbd://h/dir/a%20b.img");
    for (size_t i = 0; i < COUNT(nameless); i++)
        assert_int_equal(
            bh_config_serve(&rig->config, nameless[i], rig->problem), -EINVAL);
}

/* A device is for one; of an interface each socket has all frames. */
static void a_line_and_an_interface_are_listened_to_once(void **state)
{
    static const char *const twice[][2] = {
        {"serial:/dev/ttyS0:9600", "serial:/dev/ttyS0:19200:rtscts"},
        {"ether:eth0", "ether:eth0"}};
    struct rig *rig = *state;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            bh_config_listen(&rig->config, twice[i][0], rig->problem), 0);
        assert_int_equal(
            bh_config_listen(&rig->config, twice[i][1], rig->problem), -EINVAL);
        assert_non_null(strstr(rig->problem, "twice"));
    }
    assert_int_equal(bh_config_listen(&rig->config, "ether:eth1", rig->problem),
                     0);
}

static void eight_addresses_are_enough(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < BH_LISTEN_MAX; i++)
        assert_int_equal(
            bh_config_listen(&rig->config, "udp:127.0.0.1:0", rig->problem), 0);
    assert_int_equal(
        bh_config_listen(&rig->config, "udp:127.0.0.1:0", rig->problem),
        -EINVAL);
    assert_non_null(strstr(rig->problem, "8"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_file_there_are_defaults),
        TEST(every_key_is_understood),
        TEST(a_read_only_server_has_read_only_volumes),
        TEST(who_says_where_a_volume_lies_wants_it_raw),
        TEST(a_scratch_volume_has_a_limit),
        TEST(a_partition_is_served_under_its_own_name),
        TEST(a_mistake_is_told_with_place_and_expectation),
        TEST(the_first_mistake_is_the_one_that_is_told),
        TEST(a_file_that_is_not_there_is_told),
        TEST(long_names_and_paths_are_kept_whole_or_refused),
        TEST(only_files_directories_and_block_devices_are_served),
        TEST(a_volume_may_be_on_an_nbd_server),
        TEST(what_goes_with_files_only_is_refused_on_an_nbd_server),
        TEST(an_export_is_served_under_its_own_name),
        TEST(a_line_and_an_interface_are_listened_to_once),
        TEST(eight_addresses_are_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
