/* SPDX-License-Identifier: MIT */
#include "mount/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/tree.h"

static void write_back(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    syncfs(fd);
    close(fd);
}

/* Who is not root is unmounted for by a program that is. */
static void run(const char *directory)
{
    sigset_t none;

    write_back(directory);
    if (umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        _exit(0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", directory,
           (char *)NULL);
    _exit(1);
}

/* Waits for requests that are under way, too. */
static void forget_all(struct fuse_session *session)
{
    for (fuse_ino_t i = 0; i <= FILES_PARTITIONS_MAX; i++)
        fuse_lowlevel_notify_inval_inode(session, TREE_INODE_FIRST + i, 0, 0);
}

/* The child's descriptor is closed before the directory is unmounted: a mount
 * ends with its last one. */
int detach_begin(struct detach *detach, const char *directory,
                 struct fuse_session *session, bool forget)
{
    detach->pid = fork();
    if (detach->pid < 0)
        return -errno;
    if (detach->pid == 0) {
        if (forget)
            forget_all(session);
        close(fuse_session_fd(session));
        run(directory);
    }
    detach->fd = pidfd_open(detach->pid, 0);
    return detach->fd < 0 ? -errno : 0;
}

void detach_end(struct detach *detach)
{
    close(detach->fd);
    detach->fd = -1;
    waitpid(detach->pid, NULL, 0);
}
