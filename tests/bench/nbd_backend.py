#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What does an NBD server cost behind blockheadd?

    nbd_backend.py [--build DIRECTORY] [--seconds S] [--rounds N] [--delays none,1] [--json]

nbdkit's memory with its delay filter (milliseconds for each read), random reads: by an NBD client of its own, by a
strict Blockhead client from blockheadd in front of it, and by the same client from blockheadd on a file in memory. The
three take turns; the median request of the median round counts. "whole" is what blockheadd in front of NBD takes,
against NBD alone; "back end" leaves out what the Blockhead client and its datagrams cost without NBD:
(front - file) / alone, of which what is above 1 is added by the back end. Wants a build with -Dbuildtype=release.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import servers
from bench import run_load
from servers import Failed

SECTORS = 512, 4096
SIZE = "64M"


def nbdkit(place, delay):
    filters, more = ["--filter=limit"], ["limit=1"]
    if delay != "none":
        filters.append("--filter=delay")
        more.append(f"rdelay={delay}ms")
    return servers.nbdkit(place, place.all_cpus, plugin=("memory", SIZE, *more), filters=filters)


def uri(server):
    return f"nbd+unix:///remote?socket={server.target.removeprefix('unix:')}"


def alone(place, delay, options, seconds):
    with nbdkit(place, delay) as server:
        return run_load(place, server, f"--form nbd --name remote {options}", seconds)


def front(place, delay, options, seconds):
    with nbdkit(place, delay) as server, servers.blockheadd(place, place.server_cpus, serve=[uri(server)]) as daemon:
        return run_load(place, daemon, f"--name remote --timeout 5000 {options}", seconds)


def file(place, _delay, options, seconds):
    with servers.blockheadd(place, place.server_cpus) as daemon:
        return run_load(place, daemon, f"--name image --timeout 5000 {options}", seconds)


def median_of(runs, key):
    return statistics.median(run[key] for run in runs)


def measure(place, arguments, delay, options):
    """The three, in turns."""
    runs = {call.__name__: [] for call in (alone, front, file)}
    for _ in range(arguments.rounds):
        for call in (alone, front, file):
            runs[call.__name__].append(call(place, delay, options, arguments.seconds))
    return runs


def latency(place, arguments, delay, sector):
    runs = measure(place, arguments, delay, f"--unchecked --sector {sector}")
    us = {name: median_of(these, "p50_ns") / 1000 for name, these in runs.items()}
    return {"delay_ms": delay, "sector": sector, **{f"{name}_us": us[name] for name in us},
            "whole": us["front"] / us["alone"], "back_end": (us["front"] - us["file"]) / us["alone"]}


def throughput(place, arguments, delay, sector):
    runs = measure(place, arguments, delay, f"--unchecked --sector {sector} --window 32")
    rate = {name: median_of(these, "ops_per_s") for name, these in runs.items()}
    return {"delay_ms": delay, "sector": sector, **{f"{name}_per_s": rate[name] for name in rate},
            "whole": rate["front"] / rate["alone"]}


def report(kind, row):
    delay = "no delay" if row["delay_ms"] == "none" else f"{row['delay_ms']} ms"
    if kind == "latency":
        print(f"{delay:9} {row['sector']:5} bytes, one at a time: NBD {row['alone_us']:7.1f} us, blockheadd in front "
              f"{row['front_us']:7.1f} us, on a file {row['file_us']:5.1f} us: whole {row['whole']:.2f}, "
              f"back end {row['back_end']:.2f}", flush=True)
    else:
        print(f"{delay:9} {row['sector']:5} bytes, 32 in flight: NBD {row['alone_per_s']:9,.0f} a second, "
              f"blockheadd in front {row['front_per_s']:9,.0f}, on a file {row['file_per_s']:9,.0f}: whole {row['whole']:.2f}",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delays", default="none,1")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {"latency": [], "throughput": []}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        place = servers.Place(arguments.build.resolve(), pathlib.Path(directory), pathlib.Path(directory) / "image")
        subprocess.run([place.program("bench_image"), place.image, str(64 << 20)], check=True)
        for delay in arguments.delays.split(","):
            for kind, call in (("latency", latency), ("throughput", throughput)):
                for sector in SECTORS:
                    row = call(place, arguments, delay, sector)
                    rows[kind].append(row)
                    if not arguments.json:
                        report(kind, row)
    if arguments.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"nbd_backend.py: {failed}")
