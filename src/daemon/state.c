/* SPDX-License-Identifier: MIT */
#include "daemon/state.h"

#include "core/hash.h"
#include "daemon/log.h"
#include "daemon/where.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_LEN 4096u /* before the table */
#define VERSION 1u
#define CRASHES 3u
#define CRASHES_MS 60000u
#define LOCK_WAIT_MS 2000u /* a server that was just killed is still ending */

struct head {
    uint8_t magic[8];
    uint64_t version;
    char boot[40];                /* the kernel's name for this boot */
    uint64_t device, inode;       /* of the file itself: a copy is another's */
    uint64_t len;                 /* of the file */
    uint64_t check;               /* of all above */
    uint64_t crashes_ms[CRASHES]; /* the last ones, oldest first; 0: none */
};

static const uint8_t magic[8] = {'B', 'L', 'K', 'H', 'S', 'T', 'A', '\n'};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t check_of(const struct head *head)
{
    static const uint8_t key[16];

    return bh_hash(key, head, offsetof(struct head, check));
}

/*
 * Where.
 */

char *bh_state_default(const struct bh_place *listens)
{
    return bh_where_server(bh_where_states(), listens, "");
}

/* A descriptor of `path`, which is made if it is missing. */
static int open_directory(const char *path, char *problem)
{
    int error = bh_where_make(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (error == 0)
        error = -errno;
    snprintf(problem, BH_PROBLEM_LEN,
             "cannot use the state directory '%.120s': %s; name another with "
             "--state DIR, or --state none",
             path, strerror(-error));
    return error;
}

/*
 * The lock.
 */

static int complain_in_use(const struct bh_state *state, char *problem)
{
    char pid[16] = "";
    ssize_t len = pread(state->lock, pid, sizeof pid - 1, 0);

    snprintf(problem, BH_PROBLEM_LEN,
             "another server (process %.*s) uses the state directory %.120s; "
             "give this one its own with --state DIR, or --state none",
             len > 0 ? (int)strcspn(pid, "\n") : 1, len > 0 ? pid : "?",
             state->path);
    return -EBUSY;
}

static int lock(const struct bh_state *state, int fd, char *problem)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    uint64_t due = now_ms() + LOCK_WAIT_MS;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (now_ms() >= due)
            return complain_in_use(state, problem);
        nanosleep(&moment, NULL);
    }
    return 0;
}

static int take_lock(struct bh_state *state, char *problem)
{
    int error;

    state->lock = openat(state->dir, "lock",
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (state->lock < 0) {
        error = -errno;
        snprintf(problem, BH_PROBLEM_LEN,
                 "cannot open %.120s/lock to write: %s; name another "
                 "directory with --state DIR, or --state none",
                 state->path, strerror(-error));
        return error;
    }
    error = lock(state, state->lock, problem);
    if (error != 0)
        return error;
    if (ftruncate(state->lock, 0) == 0)
        dprintf(state->lock, "%ld\n", (long)getpid());
    return 0;
}

/*
 * The file of the table.
 */

static void read_boot(char boot[40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, boot, 36);

    if (fd >= 0)
        close(fd);
    memset(boot + (len > 0 ? len : 0), 0, (size_t)(40 - (len > 0 ? len : 0)));
}

static void set_aside(const struct bh_state *state, const char *why)
{
    if (renameat(state->dir, "sessions", state->dir, "sessions.set-aside") != 0)
        unlinkat(state->dir, "sessions", 0);
    bh_log_say("the sessions in %s %s; they are set aside as "
               "sessions.set-aside, and clients that had one get error 4",
               state->path, why);
}

/* What its own page says against a file; NULL: nothing. "" needs no words. */
static const char *head_problem(const struct head *head, const struct stat *st,
                                size_t len)
{
    char boot[40];

    if (memcmp(head->magic, magic, sizeof magic) != 0)
        return "are not of this program";
    if (head->check != check_of(head))
        return "are damaged";
    if (head->version != VERSION)
        return "are of another version of this program";
    if (head->device != st->st_dev || head->inode != st->st_ino)
        return "were copied from elsewhere";
    read_boot(boot);
    if (boot[0] == '\0' || memcmp(boot, head->boot, sizeof boot) != 0)
        return "";
    if (head->len != len)
        return "are of a server with another number of sessions";
    if (head->crashes_ms[0] != 0 &&
        head->crashes_ms[CRASHES - 1] - head->crashes_ms[0] < CRASHES_MS)
        return "have seen three crashes within a minute";
    return NULL;
}

static const char *table_problem(const void *table,
                                 const struct bh_server_config *config)
{
    switch (bh_server_table_check(config, table)) {
    case BH_TABLE_FOREIGN:
        return "are of another version of this program";
    case BH_TABLE_DAMAGED:
        return "are damaged";
    default:
        return NULL;
    }
}

static void *map_file(int fd, size_t len)
{
    void *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_POPULATE, fd, 0);

    return map == MAP_FAILED ? NULL : map;
}

/* Maps the file if it can be used. Why not, or NULL. */
static const char *use_file(struct bh_state *state, int fd,
                            const struct bh_server_config *config)
{
    const char *problem;
    struct head head;
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return "are no file";
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return "are damaged";
    problem = head_problem(&head, &st, state->len);
    if (problem != NULL)
        return problem;
    if ((size_t)st.st_size != state->len)
        return "are damaged";
    state->map = map_file(fd, state->len);
    if (state->map == NULL)
        return "cannot be mapped into memory";
    problem = table_problem(bh_state_table(state), config);
    if (problem != NULL) {
        munmap(state->map, state->len);
        state->map = NULL;
    }
    return problem;
}

/* Opens what an earlier server has left, if there is any. The file has a lock
 * of its own: people remove files that are called "lock". */
static int open_file(struct bh_state *state,
                     const struct bh_server_config *config, char *complaint)
{
    const char *problem;

    state->file = openat(state->dir, "sessions",
                         O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (state->file < 0 && errno == ENOENT)
        return 0;
    if (state->file >= 0 && lock(state, state->file, complaint) != 0)
        return -EBUSY;
    problem = state->file < 0 ? "cannot be opened"
                              : use_file(state, state->file, config);
    if (problem == NULL)
        return 0;
    if (state->file >= 0)
        close(state->file);
    state->file = -1;
    if (problem[0] != '\0')
        set_aside(state, problem);
    else
        bh_log_say("the machine was started since; sessions begin anew");
    return 0;
}

static int write_head(int fd, size_t len)
{
    struct head head = {.version = VERSION, .len = len};
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    memcpy(head.magic, magic, sizeof magic);
    read_boot(head.boot);
    head.device = st.st_dev;
    head.inode = st.st_ino;
    head.check = check_of(&head);
    return pwrite(fd, &head, sizeof head, 0) == (ssize_t)sizeof head ? 0 : -EIO;
}

/* Under another name first, so that nobody finds half a file. */
static int make_file(struct bh_state *state, char *problem)
{
    int error, fd;

    unlinkat(state->dir, "sessions.new", 0);
    fd = openat(state->dir, "sessions.new",
                O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    error = fd < 0 ? -errno : -posix_fallocate(fd, 0, (off_t)state->len);
    state->file = fd;
    if (error == 0 &&
        flock(fd, LOCK_EX | LOCK_NB) != 0) /* nobody else has it */
        error = -errno;
    if (error == 0)
        error = write_head(fd, state->len);
    if (error == 0 &&
        renameat(state->dir, "sessions.new", state->dir, "sessions") != 0)
        error = -errno;
    if (error == 0 && (state->map = map_file(fd, state->len)) == NULL)
        error = -ENOMEM;
    if (error != 0) {
        unlinkat(state->dir, "sessions.new", 0);
        snprintf(problem, BH_PROBLEM_LEN,
                 "cannot make a file of %zu bytes in %.160s: %s", state->len,
                 state->path, strerror(-error));
    }
    return error;
}

/*
 * Crashes. A signal handler knows nothing but what is global.
 */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGABRT};
static struct sigaction handlers_before[3];
static struct head *volatile crash_head;

static void note_crash(void)
{
    struct head *head = crash_head;

    if (head == NULL)
        return;
    for (size_t i = 0; i + 1 < CRASHES; i++)
        head->crashes_ms[i] = head->crashes_ms[i + 1];
    head->crashes_ms[CRASHES - 1] = now_ms();
    crash_head = NULL;
}

/* Then what would have happened without us: a fault happens again by itself, a
 * signal from somebody does not. */
static void crashed(int number, siginfo_t *info, void *context)
{
    (void)context;
    note_crash();
    for (size_t i = 0; i < 3; i++)
        if (crash_signals[i] == number)
            sigaction(number, &handlers_before[i], NULL);
    if (info->si_code <= 0)
        raise(number);
}

static void watch_for_crashes(struct head *head)
{
    struct sigaction action = {.sa_sigaction = crashed,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};

    crash_head = head;
    for (size_t i = 0; i < 3; i++)
        sigaction(crash_signals[i], &action, &handlers_before[i]);
}

/*
 * All together.
 */

int bh_state_open(struct bh_state *state, const char *path,
                  const struct bh_server_config *config,
                  char problem[BH_PROBLEM_LEN])
{
    int error = 0;

    *state = (struct bh_state){.path = strdup(path),
                               .dir = -1,
                               .lock = -1,
                               .file = -1,
                               .len = PAGE_LEN + bh_server_table_size(config)};
    state->dir = open_directory(path, problem);
    if (state->dir < 0)
        error = state->dir;
    if (error == 0)
        error = take_lock(state, problem);
    if (error == 0)
        error = open_file(state, config, problem);
    if (error == 0 && state->map == NULL)
        error = make_file(state, problem);
    if (error == 0)
        watch_for_crashes(state->map);
    else
        bh_state_close(state);
    return error;
}

void *bh_state_table(const struct bh_state *state)
{
    return state->map == NULL ? NULL : (uint8_t *)state->map + PAGE_LEN;
}

int bh_state_layers(const struct bh_state *state)
{
    int fd;

    if (mkdirat(state->dir, "scratch", 0700) != 0 && errno != EEXIST)
        return -errno;
    fd = openat(state->dir, "scratch",
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)fchmod(fd, 0700); /* whatever has become of it */
    return fd;
}

void bh_state_rest(const struct bh_state *state)
{
    if (state->map != NULL)
        (void)madvise(state->map, state->len, MADV_DONTNEED);
}

void bh_state_close(struct bh_state *state)
{
    if (state->path == NULL)
        return;
    crash_head = NULL;
    if (state->map != NULL)
        munmap(state->map, state->len);
    if (state->dir >= 0)
        close(state->dir);
    if (state->file >= 0)
        close(state->file);
    if (state->lock >= 0)
        close(state->lock);
    free(state->path);
    *state = (struct bh_state){.dir = -1, .lock = -1, .file = -1};
}
