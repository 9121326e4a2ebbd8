#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much faster than put is sync?

    sync.py [--build DIRECTORY] [--size MIB] [--directory DIRECTORY] [--rounds N]

Each of put and sync makes the same image of a volume that differs from it in one place of 1 MiB, in 1,000 places, and not
at all, in turns; the best of the rounds counts. Processor time is that of client and server together: it says more than
the clock on a machine that has other things to do. Wants a build with -Dbuildtype=release, and room for two images in DIRECTORY.
"""
import argparse
import json
import pathlib
import random
import re
import resource
import shutil
import subprocess
import tempfile
import time

MIB = 1 << 20


def in_one_place(file, size):
    file.seek(size // 2 - 12345)
    file.write(random.Random(2).randbytes(MIB))


def in_many_places(file, size):
    for place in random.Random(3).sample(range(size // 65536), min(1000, size // 65536)):
        file.seek(place * 65536 + 40000)
        file.write(b"changed")


CASES = {"1 MiB in one place": in_one_place, "1,000 places": in_many_places, "nothing": lambda file, size: None}


def start(build, image):
    server = subprocess.Popen([build / "blockheadd", "-l", "udp:127.0.0.1:0", image], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        found = re.search(r"udp:(\S+:\d+)", line)
        if found:
            return server, found[1]
    raise SystemExit("blockheadd did not start")


def processor_s():
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(build, command, file, url):
    began = time.monotonic()
    done = subprocess.run([build / "blockhead", command, "--json", file, url], capture_output=True, check=True)
    return time.monotonic() - began, json.loads(done.stdout)


def measure(arguments, directory, change):
    """The best seconds and processor seconds of each command, and sync's report."""
    size = arguments.size * MIB
    image, file = directory / "volume.img", directory / "file.img"
    best, report = {}, None
    with open(image, "wb") as out:
        for _ in range(arguments.size):
            out.write(random.randbytes(MIB))
    shutil.copyfile(image, file)
    with open(file, "r+b") as out:
        change(out, size)
    shutil.copyfile(image, directory / "old.img")
    for _ in range(arguments.rounds):
        for command in ("put", "sync"):
            shutil.copyfile(directory / "old.img", image)
            subprocess.run(["sync", "-f", image], check=True)
            used = processor_s()
            server, host = start(arguments.build, image)
            try:
                seconds, said = run(arguments.build, command, file, f"blockhead://{host}/volume.img")
            finally:
                server.terminate()
                server.wait()
            if command == "sync":
                report = said
            this = seconds, processor_s() - used
            best[command] = tuple(map(min, this, best.get(command, this)))
            subprocess.run(["cmp", file, image], check=True)
    return best, report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--size", type=int, default=1024, help="of the image, in MiB")
    parser.add_argument("--directory", help="where the images are made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for name, change in CASES.items():
        with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
            best, report = measure(arguments, pathlib.Path(directory), change)
        put, sync = best["put"], best["sync"]
        rows.append({"case": name, "put_s": put[0], "sync_s": sync[0], "ratio": put[0] / sync[0],
                     "put_cpu_s": put[1], "sync_cpu_s": sync[1], "bytes_sent": report["bytes_sent"],
                     "requests": report["requests"]})
        if not arguments.json:
            print(f"{name:20} put {put[0]:6.2f} s (processor {put[1]:5.2f}), sync {sync[0]:6.3f} s ({sync[1]:5.3f}): "
                  f"{put[0] / sync[0]:.1f} times; {report['bytes_sent']:,} bytes, {report['requests']:,} requests",
                  flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
