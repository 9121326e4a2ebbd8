/* SPDX-License-Identifier: MIT */
#include "kill.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/ptrace.h>

/* About half of `len` bytes from `offset` on: whole pages. */
static uint64_t half_of(uint64_t offset, uint64_t len)
{
    uint64_t end = (offset + len / 2) & ~UINT64_C(4095);

    if (end <= offset)
        end = (offset & ~UINT64_C(4095)) + 4096;
    return end - offset < len ? end - offset : len;
}

/* At the beginning of a call: of one that moves bytes, only half. */
static void halve(pid_t child, uint64_t number)
{
#ifdef __x86_64__
    struct user_regs_struct registers;

    ptrace(PTRACE_GETREGS, child, NULL, &registers);
    if (number == SYS_pwrite64)
        registers.rdx = half_of(registers.r10, registers.rdx);
    else if (number == SYS_copy_file_range)
        registers.r8 = half_of(0, registers.r8);
    ptrace(PTRACE_SETREGS, child, NULL, &registers);
#else
    (void)child;
    (void)number;
    (void)half_of;
#endif
}

/* Goes on to the beginning or end of the next call. False: the child ended. */
static bool next_stop(pid_t child, struct ptrace_syscall_info *info)
{
    int status;

    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
        return false;
    }
    assert_true(WIFSTOPPED(status));
    assert_int_equal(WSTOPSIG(status), SIGTRAP | 0x80);
    assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof *info, info) > 0);
    return true;
}

static pid_t start(void (*work)(void *), void *context)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        work(context);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, child, NULL,
           PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
    return child;
}

bool kill_at_call(void (*work)(void *), void *context, unsigned call, bool half)
{
    struct ptrace_syscall_info info;
    pid_t child = start(work, context);

    for (unsigned calls = 0; next_stop(child, &info);) {
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || calls++ < call)
            continue;
        if (info.entry.nr == SYS_exit_group)
            half = false;
        if (half) {
            halve(child, info.entry.nr);
            next_stop(child, &info);
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return true;
    }
    return false;
}
