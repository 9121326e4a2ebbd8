#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the time of the server's CPU goes: samples of perf, in groups, as a table in Markdown.

    where.py --build DIR [--functions N] [--record FILE] [CASE...]

CASE is a case of bench.py and, after a colon, a contender: "window", "write:nbdkit". Needs perf, and the right to use it.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys
import time

import report
import servers
from bench import IMAGE_LEN, load_command
from cases import CASES

SECONDS = 2
DEFAULT = ("one", "window", "gso", "run", "write", "window:nbdkit", "window:echo, batched")

# The first that matches takes the sample; the kernel's functions, by name.
GROUPS = (
    ("copying", r"^(_?copy_|copyout|copyin|__copy|rep_movs|memcpy|memmove|__memcpy|__memmove|clear_page|csum_partial|"
                r"__check_object_size|check_heap_object|__virt_addr_valid|import_|iov_iter|copy_iovec)"),
    ("system calls' entry and exit", r"^(do_syscall|entry_SYSCALL|syscall_|x64_sys|__x64_sys|fdget|fput|__fget|"
                                     r"exit_to_user|__get_user|__put_user)"),
    ("sleeping and waking", r"(schedul|sched_|wake|futex|task_switch|_unlock_irq|select_task|dequeue_|enqueue_task|"
                            r"update_curr|update_load|pick_|ep_|epoll|eventpoll|eventfd|poll|rseq|switch_|ttwu|hrtimer|"
                            r"tick_|idle|halt|ipi|smp_call|rcu_note|native_write_msr|cpuset|timekeep|ktime|tsc)"),
    ("page cache and file system", r"(filemap|xas_|folio|ext4|xfs|btrfs|iomap|generic_file|generic_perform|vfs_|ksys_|"
                                   r"do_iter|do_readv|do_preadv|do_pwritev|file_|_read_iter|_write_iter|fsnotify|jbd2|"
                                   r"block_|buffer|inode|dirty|mapping|rw_verify|kiocb|writeback|bio_|mpage|security_file)"),
    ("UDP, IP, sockets, memory of packets", r"."),
)

OF_SERVERS = ("blockheadd", "bench_echo", "nbdkit", "nbd-server", "qemu-nbd", "swapper", "ksoftirqd")


def group_of(comm, library, symbol):
    """None: another program's."""
    if not comm.startswith(OF_SERVERS):
        return None
    if comm.startswith("swapper"):
        return "idle, or not yet woken"
    if library != "[kernel.kallsyms]" and "vmlinux" not in library:
        return "the server's own code" if not library.startswith(("lib", "[", "ld")) else "libraries"
    return next(name for name, pattern in GROUPS if re.search(pattern, symbol))


def samples(path):
    """(share, comm, library, symbol) of each row of perf's report."""
    done = subprocess.run(["perf", "report", "-i", path, "--stdio", "-g", "none", "--percent-limit", "0", "-F",
                           "overhead,comm,dso,sym", "-t", "|"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    for line in done.stdout.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 4 and fields[0].endswith("%"):
            yield float(fields[0][:-1]), fields[1], fields[2], re.sub(r"^\[.\] ", "", fields[3])


def watch(place, case, contender):
    """The samples of the server's CPU while this contender is under its load."""
    data = place.directory / "perf.data"
    with contender.server(place, place.server_cpus) as server:
        client = servers.spawn(load_command(place, server, f"{contender.load} --seconds {SECONDS + 1}"),
                               place.directory / "where.log", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.4)
            subprocess.run(["perf", "record", "-q", "-F", "4999", "-C", str(place.server_cpus[0]), "-o", data, "--",
                            "sleep", str(SECONDS)], check=True, stderr=subprocess.DEVNULL)
        finally:
            servers.end(client)
    return list(samples(data))


def in_groups(rows):
    sums = collections.Counter()
    for share, comm, library, symbol in rows:
        sums[group_of(comm, library, symbol)] += share
    del sums[None]
    whole = sum(sums.values())
    return collections.Counter({name: 100 * share / whole for name, share in sums.items()})


def chosen(word):
    """The case and its contender that a word of the command line names."""
    name, _, wanted = word.partition(":")
    for case in CASES:
        for contender in case.contenders:
            if case.name == name and contender.name == (wanted or "blockheadd"):
                return case, contender
    sys.exit(f"where: there is no case {word}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--functions", type=int, default=0, help="the dearest functions, too")
    parser.add_argument("--record", type=pathlib.Path, help="the Markdown file whose table this one replaces")
    parser.add_argument("cases", nargs="*", default=DEFAULT)
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("where: needs two CPUs, to tell the server's time from the client's")
    build = arguments.build.resolve()
    directory = build / "bench"
    directory.mkdir(exist_ok=True)
    place = servers.Place(build, directory, directory / "image")
    subprocess.run([place.program("bench_image"), place.image, str(IMAGE_LEN)], check=True)
    columns = {}
    for word in arguments.cases:
        rows = watch(place, *chosen(word))
        columns[word] = in_groups(rows)
        for share, comm, library, symbol in rows[:arguments.functions]:
            print(f"{word}: {share:5.2f} % {comm} {library} {symbol}")
    names = sorted({name for sums in columns.values() for name in sums},
                   key=lambda name: -sum(sums[name] for sums in columns.values()))
    text = report.table(("% of the server's CPU", *columns),
                        ([name, *(f"{sums[name]:.0f}" for sums in columns.values())] for name in names)) + "\n"
    print(text)
    if arguments.record:
        report.record(arguments.record, "where", text)


if __name__ == "__main__":
    main()
