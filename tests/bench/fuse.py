#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures `blockhead mount` against nbdfuse on nbdkit's file plugin, in turns, and prints ratios of medians.

    fuse.py --build DIR [--rounds N] [--size MIB] [--record FILE]

A file of --size MiB is read and written by dd in pieces of 1 MiB, and read by fio at random. What the servers serve is in
the page cache; the kernel's cache of the mounted file is dropped before each turn. On a machine that does other things
as well the ratio of the best rounds says most. Below is where the processor's time went in each case: to dd or fio, the
program behind the mount, and the server.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

PORT = 45455
READ, DIRECT, WRITE, RANDOM = "sequential read", "the same, O_DIRECT", "sequential write, with fsync", "random reads of 4 KiB"
WANTED = {READ: 0.6}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--record", type=pathlib.Path, help="put the tables into this file, between its marks")
    return parser.parse_args()


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(path, what):
    due = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < due, f"{what} did not start"
        time.sleep(0.01)


class Stack:
    """A mount, and the process ids of the program behind it and of the server."""

    def __init__(self, file, program, server):
        self.file, self.pids = file, (program.pid, server.pid)

    def seconds(self):
        """Of processor time so far: the caller's children, the program, the server."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return [used.ru_utime + used.ru_stime, *(seconds_of(pid) for pid in self.pids)]


def seconds_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_blockhead(stack, place, build):
    env = os.environ | {"XDG_STATE_HOME": str(place), "RUNTIME_DIRECTORY": str(place)}
    server = stack.enter_context(running(build / "blockheadd", "-l", f"udp:127.0.0.1:{PORT}", place / "images", env=env))
    time.sleep(0.5)
    (place / "ours").mkdir()
    program = stack.enter_context(running(build / "blockhead", "mount", "-f", f"127.0.0.1:{PORT}/a.img", place / "ours"))
    wait_for(place / "ours/image", "blockhead mount")
    return Stack(place / "ours/image", program, server)


def start_nbdfuse(stack, place):
    socket = place / "socket"
    server = stack.enter_context(running("nbdkit", "-f", "-U", socket, "file", place / "b.img"))
    wait_for(socket, "nbdkit")
    (place / "theirs").mkdir()
    program = stack.enter_context(running("nbdfuse", place / "theirs/nbd", "--unix", socket))
    wait_for(place / "theirs/nbd", "nbdfuse")
    return Stack(place / "theirs/nbd", program, server)


def make_files(place, size):
    (place / "images").mkdir()
    block = os.urandom(1 << 20)
    for name in ("images/a.img", "b.img"):
        with open(place / name, "wb") as file:
            for number in range(size):
                file.write(number.to_bytes(8, "big") + block[8:])
    os.sync()


def forget(file):
    """The kernel drops what it has of it in memory."""
    fd = os.open(file, os.O_RDWR)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def dd(*arguments):
    """Bytes a second, as dd has measured it."""
    err = subprocess.run(["dd", "bs=1M", *arguments], check=True, capture_output=True, text=True, timeout=300,
                         env=os.environ | {"LC_ALL": "C"}).stderr
    count, seconds = re.search(r"^(\d+) bytes .*, ([\d.e-]+) s,", err, re.M).groups()
    return int(count) / float(seconds)


def fio(file):
    """Bytes a second."""
    out = subprocess.run(["fio", "--name=r", "--ioengine=psync", f"--filename={file}", "--rw=randread", "--bs=4k",
                          "--direct=1", "--runtime=2", "--time_based", "--output-format=json"],
                         check=True, capture_output=True, text=True, timeout=60).stdout
    return json.loads(out[out.index("{"):])["jobs"][0]["read"]["iops"] * 4096


def measure_one(name, file, size):
    if name == READ:
        return dd(f"if={file}", "of=/dev/null")
    if name == DIRECT:
        return dd(f"if={file}", "of=/dev/null", "iflag=direct")
    if name == WRITE:
        return dd("if=/dev/zero", f"of={file}", f"count={size}", "conv=notrunc,fsync")
    return fio(file)


def measure(stacks, rounds, size):
    """For each case and stack: bytes a second, and seconds of processor time per GiB, of each turn."""
    results = {name: {stack: [] for stack in stacks} for name in (READ, DIRECT, RANDOM, WRITE)}
    for turn in range(rounds):
        for name, of in results.items():
            for stack in sorted(stacks, reverse=turn % 2 == 1):
                forget(stacks[stack].file)
                before = stacks[stack].seconds()
                rate, began = None, time.monotonic()
                rate = measure_one(name, stacks[stack].file, size)
                moved = rate * (time.monotonic() - began) if name == RANDOM else size << 20
                spent = [after - was for after, was in zip(stacks[stack].seconds(), before)]
                of[stack].append((rate, [seconds * 2**30 / moved for seconds in spent]))
    return results


def median_of(turns):
    return statistics.median(rate for rate, _ in turns)


def best_of(turns):
    return max(rate for rate, _ in turns)


def quartiles(values):
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{low:.2f} to {high:.2f}"


def report(results):
    lines = ["| case | at least | ratio of medians | quartiles of the rounds | ratio of the best | MB/s | nbdfuse MB/s |",
             "|---|---|---|---|---|---|---|"]
    for name, of in results.items():
        ours, theirs = of["blockhead"], of["nbdfuse"]
        ratios = [one[0] / other[0] for one, other in zip(ours, theirs)]
        lines.append(f"| {name} | {WANTED.get(name, '')} | {median_of(ours) / median_of(theirs):.2f} "
                     f"| {quartiles(ratios)} | {best_of(ours) / best_of(theirs):.2f} | {median_of(ours) / 1e6:.0f} | {median_of(theirs) / 1e6:.0f} |")
    lines += ["", "Seconds of processor time for each GiB:", "",
              "| case | | reader or writer | mount | server |", "|---|---|---|---|---|"]
    for name, of in results.items():
        for stack, turns in of.items():
            parts = (f"{statistics.median(parts[i] for _, parts in turns):.2f}" for i in range(3))
            lines.append(f"| {name} | {stack} | {' | '.join(parts)} |")
    return "\n".join(lines)


def record(path, text):
    begin, end = "<!-- bench-fuse -->\n", "<!-- end of bench-fuse -->\n"
    before, rest = path.read_text().split(begin)
    path.write_text(before + begin + text + "\n" + end + rest.split(end)[1])


def main():
    arguments = parse_arguments()
    for program in ("nbdkit", "nbdfuse", "fio", "dd"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not installed: tools/install-packages bench")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise SystemExit("/dev/fuse is not there, or not for this user")
    build = arguments.build.resolve()
    with tempfile.TemporaryDirectory(dir=build) as name, contextlib.ExitStack() as stack:
        place = pathlib.Path(name)
        make_files(place, arguments.size)
        results = measure({"blockhead": start_blockhead(stack, place, build), "nbdfuse": start_nbdfuse(stack, place)},
                          arguments.rounds, arguments.size)
    text = report(results)
    print(text)
    if arguments.record:
        record(arguments.record, text)


if __name__ == "__main__":
    main()
