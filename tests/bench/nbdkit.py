#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the plugin for nbdkit against nbdkit's file plugin, in turns, and prints ratios of medians.

    nbdkit.py --build DIR [--rounds N] [--size MIB]

Three copies by nbdcopy: file plugin to file plugin, Blockhead to file plugin, file plugin to Blockhead; and random reads
of 4 KiB by fio, with 1 and 16 under way. Files are in the build directory, in the page cache.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

PORT = 45454
WANTED = 0.5


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
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


def nbdkit(stack, place, name, *arguments):
    """The URI of a new nbdkit."""
    socket = place / f"{name}.sock"
    stack.enter_context(running("nbdkit", "-f", "-U", socket, *arguments))
    due = time.monotonic() + 10
    while not socket.exists():
        assert time.monotonic() < due, f"nbdkit {name} did not start"
        time.sleep(0.01)
    return f"nbd+unix:///?socket={socket}"


def copy(source, target):
    """Seconds."""
    began = time.monotonic()
    subprocess.run(["nbdcopy", source, target], check=True, timeout=120)
    return time.monotonic() - began


def reads(uri, depth):
    """Requests a second."""
    out = subprocess.run(["fio", "--name=r", "--ioengine=nbd", f"--uri={uri}", "--rw=randread", "--bs=4k",
                          f"--iodepth={depth}", "--runtime=2", "--time_based", "--size=100%", "--output-format=json"],
                         check=True, capture_output=True, text=True, timeout=60).stdout
    return json.loads(out[out.index("{"):])["jobs"][0]["read"]["iops"]


def make_files(place, size):
    (place / "images").mkdir()
    block = os.urandom(1 << 20)
    for name in ("images/a.img", "b.img", "c.img"):
        with open(place / name, "wb") as file:
            for number in range(size):
                file.write(number.to_bytes(8, "big") + block[8:])
    os.sync()


def start(stack, place, build):
    env = os.environ | {"XDG_STATE_HOME": str(place), "RUNTIME_DIRECTORY": str(place)}
    stack.enter_context(running(build / "blockheadd", "-l", f"udp:127.0.0.1:{PORT}", place / "images", env=env))
    time.sleep(0.5)
    plugin = build / "plugins/nbdkit/nbdkit-blockhead-plugin.so"
    return {"blockhead": nbdkit(stack, place, "blockhead", plugin, f"blockhead://127.0.0.1:{PORT}/a.img"),
            "file": nbdkit(stack, place, "file", "file", place / "b.img"),
            "other": nbdkit(stack, place, "other", "file", place / "c.img")}


def measure(uris, rounds):
    """Each case's figures, and the figures that they are compared with; more is better."""
    cases = {name: ([], []) for name in ("nbdcopy from Blockhead", "nbdcopy to Blockhead", "fio, 1 under way",
                                         "fio, 16 under way")}
    for _ in range(rounds):
        plain = 1 / copy(uris["file"], uris["other"])
        for name, figure in (("nbdcopy from Blockhead", 1 / copy(uris["blockhead"], uris["other"])),
                             ("nbdcopy to Blockhead", 1 / copy(uris["file"], uris["blockhead"]))):
            cases[name][0].append(figure)
            cases[name][1].append(plain)
        for depth in (1, 16):
            cases[f"fio, {depth} under way"][0].append(reads(uris["blockhead"], depth))
            cases[f"fio, {depth} under way"][1].append(reads(uris["file"], depth))
    return cases


def main():
    arguments = parse_arguments()
    for program in ("nbdkit", "nbdcopy", "fio"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is not installed: tools/install-packages bench")
    build = arguments.build.resolve()
    with tempfile.TemporaryDirectory(dir=build) as name, contextlib.ExitStack() as stack:
        place = pathlib.Path(name)
        make_files(place, arguments.size)
        cases = measure(start(stack, place, build), arguments.rounds)
    print("| case | wanted | ratio of medians |\n|---|---|---|")
    for name, (ours, theirs) in cases.items():
        ratio = statistics.median(ours) / statistics.median(theirs)
        print(f"| {name} | {WANTED} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
