#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures blockheadd, other block servers and bare echoes in turn, and prints how they compare.

    bench.py --build DIR [--quick] [--only CASE,...] [--rounds N] [--seconds S] [--json FILE] [--svg FILE] [--record FILE]

Each measurement starts its server anew on the same image, lets the load generator run (its CPU is the first, the
server's the second), and ends it. Contenders take turns, so that what disturbs the machine disturbs all of them. nbdkit
is measured in the form in which it is fastest in this case, here: that is tried out first.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import report
import servers
from cases import CASES, HOSTS
from servers import Failed

HERE = pathlib.Path(__file__).resolve().parent
IMAGE_LEN = 64 << 20
# Over TCP or with structured replies nbdkit was no faster in any case.
NBDKIT_FORMS = tuple((threads, free) for threads in (1, 4, 16) for free in (False, True))
IDLE_SESSIONS = 10000
INSTRUCTIONS_OF = "read strict"
SLOW_LOAD = "--name slow.img --window 16 --unchecked --timeout 10000"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="under 90 s, and less sure")
    parser.add_argument("--only", help="names of cases, with commas")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("--record", type=pathlib.Path, help="a Markdown file whose tables, and the plot beside it, are "
                                                            "replaced by this run's")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 6)
    arguments.seconds = arguments.seconds or (0.2 if arguments.quick else 1.0)
    return arguments


def load_command(place, server, options):
    return [*servers.pinned(place.client_cpus), place.program("bench_load"), *options.split(), server.target]


def run_load(place, server, options, seconds):
    """What the load generator measured, and how much of a CPU the server took meanwhile."""
    before, began = servers.cpu_seconds(server.pid), time.monotonic()
    done = subprocess.run(load_command(place, server, f"{options} --seconds {seconds} --warm-up {seconds / 5}"),
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 + 10 * seconds,
                          preexec_fn=servers.die_with_parent, check=False)
    took = servers.cpu_seconds(server.pid) - before
    if done.returncode != 0 or not done.stdout:
        raise Failed((done.stderr.strip() or "the load generator failed").splitlines()[0])
    return json.loads(done.stdout) | {"server_cpu": took / (time.monotonic() - began)}


@contextlib.contextmanager
def slow_client(place, server, seconds):
    """Somebody who waits 50 ms for each READ."""
    process = servers.spawn(load_command(place, server, f"{SLOW_LOAD} --seconds {seconds}"),
                            place.directory / "slow-client.log", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        time.sleep(0.3)
        yield
        if process.poll() is not None:
            raise Failed("the slow client ended early")
    finally:
        servers.end(process)


class Bench:
    def __init__(self, arguments, place):
        self.arguments, self.place = arguments, place
        self.result = {"machine": report.machine(), "rounds": arguments.rounds, "seconds": arguments.seconds,
                       "cases": {}, "nbdkit": {}, "notes": [
                           "tgt is left out: it speaks iSCSI alone, whose initiators are clients of another cost."]}

    def note(self, text):
        print(f"  {text}", file=sys.stderr)
        self.result["notes"].append(text)

    def measure(self, case, contender, seconds, **form):
        self.settle()
        cpus = self.place.server_cpus
        if form:
            cpus = self.place.all_cpus if form.pop("free") else cpus
        with contextlib.ExitStack() as stack:
            serve = [stack.enter_context(case.setting(self.place))] if case.setting else []
            server = stack.enter_context(servers.blockheadd(self.place, cpus, serve=serve) if serve
                                         else contender.server(self.place, cpus, **form))
            if contender.name == "beside a slow one":
                stack.enter_context(slow_client(self.place, server, 4 * seconds + 5))
            return run_load(self.place, server, contender.load, seconds)

    def tune(self, case, contender):
        """The form in which nbdkit is fastest here."""
        rates = {}
        for threads, free in NBDKIT_FORMS:
            form = {"threads": threads, "free": free}
            seconds = self.arguments.seconds / 2
            rates[(threads, free)] = self.measure(case, contender, seconds, **form)["ops_per_s"]
        threads, free = max(rates, key=rates.get)
        self.result["nbdkit"][case.name] = {"threads": threads, "free": free}
        return {"threads": threads, "free": free}

    def settle(self):
        """What one measurement has written must not be written back during the next; and the whole image is in the
        page cache: some machines take back what nobody has touched for a while."""
        with open(self.place.image, "rb", buffering=0) as file:
            os.fsync(file.fileno())
            while file.read(1 << 20):
                pass

    def entrants(self, case):
        """Contenders that are there, with the forms that they are measured in."""
        for contender in case.contenders:
            if contender.needs and not shutil.which(contender.needs):
                self.note(f"{contender.needs} is not installed and left out.")
                continue
            try:
                yield contender, self.tune(case, contender) if contender.tuned else {}
            except Failed as failure:
                self.note(f"{case.name}, {contender.name}: left out: {failure}.")

    def run_round(self, case, entrants, results):
        for contender, form in list(entrants):
            try:
                one = self.measure(case, contender, self.arguments.seconds, **form)
            except (Failed, subprocess.TimeoutExpired) as failure:
                self.note(f"{case.name}, {contender.name}: left out: {failure}.")
                entrants.remove((contender, form))
                results.pop(contender.name, None)
                continue
            if one["retransmissions"]:
                self.note(f"{case.name}, {contender.name}: requests were sent again.")
            results.setdefault(contender.name, []).append(one)

    def run_case(self, case):
        began = time.monotonic()
        results = self.result["cases"][case.name] = {}
        entrants = list(self.entrants(case))
        for _ in range(min(case.rounds or self.arguments.rounds, self.arguments.rounds)):
            self.run_round(case, entrants, results)
        middle = {name: statistics.median(one[case.metric] for one in runs) for name, runs in results.items()}
        print(f"{case.name}: " + ", ".join(f"{name} {value:,.0f}" for name, value in middle.items()) +
              f" ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def idle(self, server, options):
        process = servers.spawn(load_command(self.place, server, f"--name image --hold {options}"),
                                self.place.directory / "idle.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if not process.stdout.readline():
                raise Failed("idle sessions could not be opened")
            yield
        finally:
            servers.end(process)

    def resident(self, sessions, *options):
        """Resident KiB after a second of load, with these idle sessions, one set after the other."""
        with servers.blockheadd(self.place, self.place.server_cpus, sessions=sessions) as server:
            run_load(self.place, server, "--name image --window 32 --writes 30", 0.2)
            with contextlib.ExitStack() as stack:
                for one in options:
                    stack.enter_context(self.idle(server, one))
                    yield servers.resident_kib(server.pid)

    def run_memory(self):
        sixteen = "--sessions 16"
        small, = self.resident(256, sixteen)
        before, after = self.resident(20000, sixteen, f"--sessions {IDLE_SESSIONS} {HOSTS}")
        self.result["memory"] = {"at_16_kib": small, "large_16_kib": before, "large_kib": after, "more": IDLE_SESSIONS,
                                 "per_session": (after[0] - before[0]) * 1024 / IDLE_SESSIONS}
        print(f"memory: {self.result['memory']}", file=sys.stderr)

    def run_instructions(self):
        """What tests/bench/instructions counts, if valgrind is there."""
        done = subprocess.run([HERE / "instructions/count", "--build", self.arguments.build, INSTRUCTIONS_OF],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        found = re.search(rf"^{INSTRUCTIONS_OF} +([0-9.]+)", done.stdout, re.MULTILINE)
        if not found:
            raise Failed((done.stdout.strip() or "nothing was counted").splitlines()[-1])
        self.result["instructions"] = float(found[1])
        print(f"instructions: {found[1]} for one READ", file=sys.stderr)


FIGURES = {"memory": Bench.run_memory, "instructions": Bench.run_instructions}


def choose(arguments):
    """The cases to run, and which of the figures that are not rates."""
    known = [case.name for case in CASES] + list(FIGURES)
    names = arguments.only.split(",") if arguments.only else known
    if not set(names) <= set(known):
        sys.exit(f"bench: there are the cases {', '.join(known)}")
    return [case for case in CASES if case.name in names], [name for name in FIGURES if name in names]


def write(arguments, cases, result):
    text = report.markdown(cases, result)
    print(text)
    plots = [arguments.svg] if arguments.svg else []
    if arguments.record:
        report.record(arguments.record, "last run", text)
        plots.append(arguments.record.with_suffix(".svg"))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    for path in plots:
        try:
            report.plot(cases, result, path)
        except ImportError:
            print("No plot: python3-matplotlib is not installed.", file=sys.stderr)


def main():
    arguments = parse_arguments()
    cases, figures = choose(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by a signal"))
    directory = arguments.build / "bench"
    directory.mkdir(exist_ok=True)
    place = servers.Place(arguments.build, directory, directory / "image")
    subprocess.run([place.program("bench_image"), place.image, str(IMAGE_LEN)], check=True)
    bench = Bench(arguments, place)
    try:
        for case in cases:
            bench.run_case(case)
        for name in figures:
            try:
                FIGURES[name](bench)
            except Failed as failure:
                bench.note(f"{name}: {failure}.")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted")
    write(arguments, cases, bench.result)


if __name__ == "__main__":
    main()
