#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures raw Ethernet beside UDP on one virtual cable, in turns, and prints ratios of medians.

    ether.py --build DIR [--rounds N] [--seconds S]

One server for both, on one end of a veth pair; `blockhead bench` on the other, in a network namespace of its own. UDP is
measured twice: over the cable as it is, which carries 64 datagrams in one piece, as no real one does; and over one that
wants them cut before (gso_max_segs 1), as a network card does. Needs root.
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

WANTED = 1.0
CASES = (("one READ at a time", ("-W", "1")), ("random READs, 64 at a time", ("-W", "64")),
         ("runs of 32 sectors", ("-S", "-n", "32", "-W", "64")),
         ("runs of 32 sectors of 1024 bytes", ("-S", "-n", "32", "-W", "64", "-s", "1024")))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def ip(*words, space=None):
    prefix = ["nsenter", f"--net={space}"] if space else []
    return subprocess.run([*prefix, "ip", *words], check=True, capture_output=True, text=True).stdout


def lay_cable(space, other):
    ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(other))
    for name, address, where in (("here", "10.44.9.1/24", None), ("there", "10.44.9.2/24", space)):
        ip("link", "set", name, "up", space=where)
        ip("address", "add", address, "dev", name, space=where)
    return json.loads(ip("-j", "link", "show", "here"))[0]["address"]


def cut(space, segments):
    """From now on, so many datagrams go through the cable in one piece."""
    ip("link", "set", "dev", "here", "gso_max_segs", str(segments))
    ip("link", "set", "dev", "there", "gso_max_segs", str(segments), space=space)


def rate(command, url, options):
    out = subprocess.run([*command, url, *options, "-q", "-j"], check=True, capture_output=True, text=True,
                         timeout=120).stdout
    return json.loads(out)["requests_per_second"]


def measure(build, space, mac, arguments):
    command = ["nsenter", f"--net={space}", build / "blockhead", "bench", "-d", str(arguments.seconds)]
    figures = {name: ([], [], []) for name, _ in CASES}
    ether, udp = f"blockhead+ether://there/{mac}/a.img", "blockhead://10.44.9.1/a.img"
    for _ in range(arguments.rounds):
        for name, options in CASES:
            for i, (url, segments) in enumerate(((ether, 65535), (udp, 65535), (udp, 1))):
                cut(space, segments)
                figures[name][i].append(rate(command, url, options))
    return figures


def serve(build, place):
    return subprocess.Popen([build / "blockheadd", "-s", "none", "-C", "none", "-l", "ether:here",
                             "-l", "udp:10.44.9.1:4444", place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(arguments):
    build = arguments.build.resolve()
    other = subprocess.Popen(["unshare", "-n", "sleep", "600"])
    processes = [other]
    try:
        time.sleep(0.3)
        space = f"/proc/{other.pid}/ns/net"
        mac = lay_cable(space, other.pid)
        with tempfile.TemporaryDirectory() as place:
            pathlib.Path(place, "a.img").write_bytes(os.urandom(32 << 20))
            processes.append(serve(build, place))
            time.sleep(0.5)
            figures = measure(build, space, mac, arguments)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    print("| case | raw frames, requests/s | to UDP | to UDP, cut | wanted |\n|---|---|---|---|---|")
    for name, columns in figures.items():
        ours, udp, plain = map(statistics.median, columns)
        print(f"| {name} | {ours:,.0f} | {ours / udp:.2f} | {ours / plain:.2f} | {WANTED} |")


def main():
    arguments = parse_arguments()
    if os.geteuid() != 0:
        raise SystemExit("ether.py: a cable of its own takes root")
    if not arguments.inside:
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv, "--inside"])
    run(arguments)


if __name__ == "__main__":
    main()
