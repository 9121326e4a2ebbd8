#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much of a serial line's time carries sectors, on pseudo-terminals with a cable that takes the bytes' time.

    serial.py --build DIR [--seconds N] [--baud N] [--sector N]

The share is bytes of sectors in a second, of baud / 10: flags, checksums, escapes, headers and requests are all loss. The
image's bytes are random. The exit code is 1 if a share is below what is wanted of it (at 115,200 baud, 512 bytes).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

IMAGE_S = 5  # of the line: before it writes, the load generator reads it all

CASES = (
    ("reads, one sector at a time", 0.85, ("--window", "1", "--random")),
    ("reads in runs", 0.95, ("--run", "16", "--window", "1", "--sequential")),
    ("reads, several at a time", 0.95, ("--random",)),
    ("writes, one sector at a time", None, ("--window", "1", "--random", "--writes")),
    ("writes, several at a time", None, ("--random", "--writes")),
)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--baud", type=int, default=115200)
    parser.add_argument("--sector", type=int, default=512)
    return parser.parse_args()


def image_len(arguments):
    return max(32, arguments.baud // 10 * IMAGE_S // arguments.sector) * arguments.sector


def bench(arguments, device, options):
    """The load generator's result."""
    command = [arguments.build / "blockhead", "bench", "--json", "--seconds", arguments.seconds, "--sector",
               arguments.sector, *options, f"blockhead+serial://{device}:{arguments.baud}/disk.img"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=arguments.seconds * 3 + 60)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main():
    arguments = parse_arguments()
    missed = []
    cable = subprocess.Popen([str(arguments.build / "tests/bench/bench_cable"), str(arguments.baud)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    near, far = (cable.stdout.readline().strip() for _ in range(2))
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "disk.img").write_bytes(os.urandom(image_len(arguments)))
        server = subprocess.Popen([str(arguments.build / "blockheadd"), "-s", "none", "-C", "none", "-l",
                                   f"serial:{near}:{arguments.baud}", directory],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            print(f"{arguments.baud} baud, sectors of {arguments.sector} bytes\n")
            print("| case | share of the line | wanted | sent again |\n|---|---|---|---|")
            for name, wanted, options in CASES:
                result = bench(arguments, far, options)
                share = result["bytes_per_second"] / (arguments.baud / 10)
                print(f"| {name} | {share:.3f} | {wanted or ''} | {result['retransmissions']} |", flush=True)
                if wanted and share < wanted and (arguments.baud, arguments.sector) == (115200, 512):
                    missed.append(name)
        finally:
            server.terminate()
            server.wait(20)
            cable.stdin.close()
            cable.wait(20)
    if missed:
        sys.exit(f"below what is wanted: {', '.join(missed)}")


if __name__ == "__main__":
    main()
