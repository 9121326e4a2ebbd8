/* SPDX-License-Identifier: MIT */
/* blockhead mount: connects, mounts, goes to the background and serves. All
 * that can be refused is refused before the command returns. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/volume.h"
#include "mount/mount.h"
#include "mount/serve.h"
#include "mount/tree.h"

struct mount {
    const struct options *options;
    struct volume volume;
    struct served served;
    struct interrupt interrupt;
    char directory[PATH_MAX];
};

/* Whether `word` is one of the options after -o. */
static bool has_option(const struct options *options, const char *word)
{
    for (size_t i = 0; i < options->mount_option_count; i++) {
        const char *at = options->mount_options[i];

        for (size_t len; *at != '\0'; at += len + (at[len] == ',')) {
            len = strcspn(at, ",");
            if (len == strlen(word) && strncmp(at, word, len) == 0)
                return true;
        }
    }
    return false;
}

/*
 * The volume.
 */

static unsigned flags_of(const struct options *options)
{
    if (options->look)
        return BH_OPEN_LOOK;
    return options->read_only || has_option(options, "ro") ? BH_OPEN_READ_ONLY
                                                           : 0;
}

static void note_scratch(const struct volume *volume)
{
    if (volume->scratch && !volume->read_only)
        note("%s is a scratch volume: what is written to it is gone when it is "
             "unmounted",
             volume_label(volume));
}

static bool open_volume(struct mount *mount)
{
    struct volume *volume = &mount->volume;
    struct served *served = &mount->served;
    const unsigned flags = flags_of(mount->options);
    struct timespec now;
    uint64_t len;

    if (!volume_measure(volume, "mount") ||
        !volume_open_best(volume, "mount", flags))
        return false;
    served->disk = volume->disk;
    served->info = *bh_disk_info(volume->disk);
    served->read_only = flags != 0 || served->info.read_only;
    served->cached = !mount->options->look && !served->info.shared &&
                     !served->info.removable;
    len = bh_disk_size(volume->disk);
    clock_gettime(CLOCK_REALTIME, &now);
    files_begin(&served->files, volume->bytes < len ? volume->bytes : len,
                &now);
    calls_begin(&served->calls, served->disk);
    note_scratch(volume);
    return true;
}

/*
 * The file system.
 */

static bool find_directory(struct mount *mount, const char *path)
{
    struct stat found;

    if (realpath(path, mount->directory) == NULL ||
        stat(mount->directory, &found) != 0) {
        complain("cannot mount on %s: %s", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(found.st_mode))
        return true;
    complain("cannot mount on %s: it is no directory", path);
    return false;
}

/* Our own options first, so that the user's win. */
static bool add_options(const struct mount *mount, struct fuse_args *args)
{
    char source[PATH_MAX];
    char *ours = NULL;
    int failed;

    snprintf(source, sizeof(source), "fsname=%s", mount->volume.target.text);
    failed = fuse_opt_add_arg(args, "blockhead") ||
             fuse_opt_add_opt_escaped(&ours, source) ||
             fuse_opt_add_opt(&ours, "subtype=blockhead,default_permissions") ||
             fuse_opt_add_arg(args, "-o") || fuse_opt_add_arg(args, ours);
    if (!failed && mount->served.read_only)
        failed = fuse_opt_add_arg(args, "-oro");
    for (size_t i = 0; i < mount->options->mount_option_count && !failed; i++)
        failed = fuse_opt_add_arg(args, "-o") ||
                 fuse_opt_add_arg(args, mount->options->mount_options[i]);
    free(ours);
    return !failed;
}

static bool mount_it(struct mount *mount)
{
    struct served *served = &mount->served;
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

    served->mask = umask(0);
    umask(served->mask);
    served->owner = getuid();
    served->group = getgid();
    if (add_options(mount, &args))
        served->session = fuse_session_new(&args, &tree_operations,
                                           sizeof(tree_operations), served);
    fuse_opt_free_args(&args);
    if (served->session != NULL &&
        fuse_session_mount(served->session, mount->directory) == 0)
        return true;
    complain("cannot mount %s on %s%s", mount->volume.target.text,
             mount->directory,
             access("/dev/fuse", R_OK | W_OK) == 0
                 ? ""
                 : ": /dev/fuse is not there or not for you; FUSE is needed");
    return false;
}

/* libfuse would unmount what is at the directory now, unless the descriptor
 * says that the file system is gone. So does a pipe that nobody reads. */
static void let_go(struct mount *mount)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) == 0) {
        dup2(ends[1], fuse_session_fd(mount->served.session));
        close(ends[0]);
        close(ends[1]);
    }
    fuse_session_unmount(mount->served.session);
}

/*
 * The background.
 */

static void leave_terminal(struct mount *mount)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    if (chdir("/") != 0 || null < 0)
        return; /* it keeps a directory or a terminal busy, and works */
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    mount->served.calls.to_log = true;
}

/* The child goes on. The parent's copy of the session is left alone. */
static bool go_to_background(struct mount *mount)
{
    pid_t pid = fork();

    if (pid < 0) {
        complain("cannot go to the background: %s", strerror(errno));
        return false;
    }
    if (pid > 0)
        _exit(EXIT_FINE);
    leave_terminal(mount);
    return true;
}

static int run(struct mount *mount)
{
    int code = EXIT_TROUBLE;

    if (!open_volume(mount) || interrupt_catch(&mount->interrupt) != 0)
        return EXIT_TROUBLE;
    if (mount_it(mount)) {
        if ((mount->options->foreground || go_to_background(mount)) &&
            serve(&mount->served, mount->directory, &mount->interrupt))
            code = EXIT_FINE;
        let_go(mount);
    }
    if (mount->served.session != NULL)
        fuse_session_destroy(mount->served.session);
    return code;
}

int run_mount(const struct options *options, char *const operands[], int count)
{
    struct mount *mount = calloc(1, sizeof(*mount));
    int code = EXIT_USAGE;

    (void)count;
    if (mount == NULL) {
        complain("cannot mount %s: out of memory", operands[0]);
        return EXIT_TROUBLE;
    }
    mount->options = options;
    mount->interrupt = INTERRUPT_NONE;
    if (volume_begin(&mount->volume, operands[0], options))
        code = find_directory(mount, operands[1]) ? run(mount) : EXIT_TROUBLE;
    volume_end(&mount->volume);
    free(mount);
    return code;
}
