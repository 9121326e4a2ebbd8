#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What others make of us: each program that Blockhead has to get on with, in a row of a table.

    run.py [--build DIRECTORY] [--short] [--only WORD,...]

--short leaves out what takes long. What is not installed is skipped with a sentence. The last line is
"N passed, N failed", and the exit code 0 if none failed.
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE, E2E = ROOT / "tests/e2e/interop", ROOT / "tests/e2e"
TEST_S, ROW_S = 900, 1800
COUNTS = re.compile(r"(\d+) (passed|failed|error|skipped)")
WHY = re.compile(r"^SKIPPED \[\d+\] (?:\S+: )?(.*)$", re.M)


def tests(file, chosen=None):
    return [str(file), *(["-k", chosen] if chosen else [])]


# The peer, what is compared, and the tests. The first word is for --only.
PEERS = [
    ("nbdcopy", "there and back, sectors of 128 to 16384 bytes; odd ends; by name, number, Unix socket",
     tests(E2E / "test_nbdkit.py", "copies or last_bytes or list_of_exports")),
    ("qemu-img", "compare, and convert from volume to volume", tests(E2E / "test_nbdkit.py", "qemu_compares")),
    ("qemu-io", "patterns at the edges of 128, 256, 512, 4096, byte for byte; discard, write -z",
     tests(E2E / "test_nbdkit.py", "patterns or trim_and_zero")),
    ("nbdinfo", "what an export says of itself; errors and sentences",
     tests(E2E / "test_nbdkit.py",
           "not (copies or last_bytes or list_of_exports or qemu_compares or patterns or trim_and_zero)")),
    ("libnbd", "what a client may do wrong, each error by name; 4 connections, 1,000 writes at once",
     tests(HERE / "test_libnbd.py")),
    ("bad servers", "sizes and windows that are lies, answers late, twice, cut, of another request, or never",
     tests(HERE / "test_liars.py")),
    ("changes beneath", "full and failing disks, swaps, rollbacks, growth, two writers: errors by name, sentences",
     tests(HERE / "test_changes.py")),
    ("nbdfuse", "mkfs.fat, mtools, fsck; random bytes, the server killed 20 times", tests(HERE / "test_nbdfuse.py")),
    ("fio", "verify=crc32c, 5 % of the datagrams lost, doubled, reordered",
     tests(HERE / "test_faulty_paths.py", "fio_over")),
    ("fio, killed", "the same, and the server killed 20 times; one bit in fifty answers is found",
     tests(HERE / "test_faulty_paths.py", "fio_while or one_byte")),
    ("nbdcopy, killed", "there, back, compared; 5 %, and the server killed 20 times",
     tests(HERE / "test_faulty_paths.py", "copies_while")),
    ("Linux", "a guest's nbd driver, 4 connections: ext4 and FAT mounted, written, checked there and here",
     tests(HERE / "test_kernel.py", "mounts")),
    ("Linux, killed", "the same, the server killed 20 times, with and without 5 %",
     tests(HERE / "test_kernel.py", "killed")),
    ("blockhead mount", "the volume as a file, mkfs, fsck, the server killed 20 times", tests(E2E / "test_mount.py")),
    ("nbdkit behind", "filters error, delay, pause, truncate; fio through both ends",
     tests(HERE / "test_stores.py", "not qcow2")),
    ("qemu-nbd behind", "qcow2: compare, check; both servers killed 20 times",
     tests(HERE / "test_stores.py", "qcow2")),
    ("NBD behind", "volumes on NBD servers that hang, lie, answer late, twice or never",
     tests(E2E / "test_nbd_backend.py")),
    ("docs/linux.md", "its commands: nbdkit, nbdcopy, qemu-img, qcow2 on top, nbdfuse",
     tests(HERE / "test_linux_doc.py")),
    ("Ceph", "a cluster of one machine, rbd export; qemu-nbd and the OSD killed", None),
]


class Row:
    """What became of a peer."""

    def __init__(self, name, compared):
        self.name, self.compared, self.why = name, compared, []
        self.counts = dict.fromkeys(("passed", "failed", "error", "skipped"), 0)
        self.seconds = 0.0

    def failed(self):
        return self.counts["failed"] + self.counts["error"]

    def result(self):
        if self.failed():
            return "failed"
        return "passed" if self.counts["passed"] else "skipped"

    def read_pytest(self, done):
        for number, word in COUNTS.findall(done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""):
            self.counts[word] = int(number)
        self.why = sorted(set(WHY.findall(done.stdout)))
        if done.returncode not in (0, 5) and not self.failed():
            self.counts["failed"] = 1
        if done.returncode == 5:
            self.why = self.why or ["its tests take long, and are not in the short form"]

    def read_ceph(self, done):
        skipped = re.search(r"skipped: (.*)", done.stdout)
        self.counts["skipped" if skipped else "passed" if done.returncode == 0 else "failed"] = 1
        self.why = [skipped[1]] if skipped else []


def call(command, env):
    """What it printed; what hangs is killed."""
    with subprocess.Popen([str(word) for word in command], cwd=ROOT, text=True, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as child:
        try:
            out = child.communicate(timeout=ROW_S)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out = child.communicate()[0] + f"\nkilled after {ROW_S} s\n"
    return subprocess.CompletedProcess(command, child.returncode, out)


def run_row(row, selection, arguments):
    env = os.environ | {"BUILD": str(arguments.build)} | ({} if arguments.short else {"BH_LONG": "1"})
    began = time.monotonic()
    if selection is None:
        done = call([sys.executable, ROOT / "tests/ceph/run.py", "--build", arguments.build], env)
        row.read_ceph(done)
    elif not pathlib.Path(selection[0]).exists():
        row.counts["skipped"], row.why = 1, ["not written yet"]
        return
    else:
        marks = "not long" if arguments.short else "long or not long"
        done = call([sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--timeout", TEST_S,
                     "-m", marks, *selection], env)
        row.read_pytest(done)
    row.seconds = time.monotonic() - began
    if row.failed():
        print(done.stdout, flush=True)


def print_table(rows):
    print("\n| peer | what is compared | | tests | s |\n|---|---|---|---|---|")
    for row in rows:
        skipped = f", {row.counts['skipped']} skipped" if row.counts["skipped"] else ""
        print(f"| {row.name} | {row.compared} | {row.result()} | {row.counts['passed']} passed, {row.failed()} failed"
              f"{skipped} | {row.seconds:.0f} |")
    print()
    for row in rows:
        for why in row.why:
            print(f"{row.name}: skipped: {why}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="", help="peers whose name begins with one of these, by commas")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    return arguments


def main():
    arguments = parse_options()
    wanted = tuple(word.lower() for word in arguments.only.split(","))
    rows = []
    for name, compared, selection in PEERS:
        if not name.lower().startswith(wanted) or (selection is None and arguments.short):
            continue
        rows.append(Row(name, compared))
        run_row(rows[-1], selection, arguments)
        print(f"{name}: {rows[-1].result()}, {rows[-1].seconds:.0f} s", flush=True)
    print_table(rows)
    failed = sum(row.failed() for row in rows)
    print(f"{sum(row.counts['passed'] for row in rows)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
