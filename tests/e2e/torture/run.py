#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Torture: the real daemon under load through damaging paths, killed with SIGKILL and started again, many times.

Each client writes sectors that say what they are and reads them back (load.h has the rule). None may see an error, an older
value, a torn sector, or lose its session; every acknowledged write must be in the image file. Ends with a summary, and with
exit code 1 if any promise was broken.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error:|Assertion).*")
LISTENS = re.compile(r"udp:(\S+):(\d+)")
SLOT = ("opened", "reads", "writes", "others", "retransmissions", "strays", "reconnections", "verified", "violations")
SLOTS, COMMONS = 16, 32
RULES = struct.Struct("21I")  # the control file of ../faults.c; the linger_ms of writes is number 11
LINGERS = (0, 0, 5, 30)  # ms between a write and its record: kills are to hit there, too
PATIENCE_S = 60  # in which every client must get on, however loaded this machine is

# drop, double, reorder per thousand; ms that a datagram is held at most; whether copies are held too
PATHS = {
    "gentle": (30, 30, 30, 5, 0),    # nothing outlives a naive client's time-out
    "middle": (50, 50, 50, 25, 1),   # nothing is late by 127 requests of a counting client
    "rough": (50, 50, 50, 400, 1),   # strict sessions bear anything
}

# kind, path, volume, exponent of its sectors, common sectors, first of its own, how many
CLIENTS = (
    ("naive", "gentle", "naive.img", 1, 0, 0, 24),
    ("random", "gentle", "random.img", 0, 0, 0, 24),
    ("counting", "middle", "counting.img", 2, 0, 0, 64),
    ("counting", "middle", "stable.img", 1, 0, 0, 64),
    ("strict", "rough", "strict.img", 2, 0, 0, 64),
    ("posix", "rough", "posix.img", 2, 0, 0, 64),
    ("posix", "rough", "large.img", 5, 0, 0, 32),
    ("window", "rough", "window.img", 2, 0, 0, 256),
    # Few common sectors, so that what one has written is read and overwritten before a patient other sends again.
    ("strict", "rough", "shared.img", 2, 2, 100, 2),
    ("posix", "rough", "shared.img", 2, 2, 110, 2),
    ("window", "rough", "shared.img", 2, 2, 200, 6),
)
PROGRAMS = {"naive": "default", "random": "default", "counting": "default"}

CONFIG = """[server]
serve = {images}
[volume shared.img]
path = {images}/shared.img
mode = shared
[volume stable.img]
path = {images}/stable.img
sync = write
"""


class Broken(Exception):
    """The torture cannot go on: a promise was broken in a way that ends it."""


class Board:
    """What the clients tell; board.h has its layout."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8 * (SLOTS * len(SLOT) + COMMONS * SLOTS)))

    def slots(self):
        """A dict for each client."""
        words = struct.unpack(f"{SLOTS * len(SLOT)}Q", self.path.read_bytes()[:8 * SLOTS * len(SLOT)])
        rows = [words[at:at + len(SLOT)] for at in range(0, len(words), len(SLOT))]
        return [dict(zip(SLOT, row)) for row in rows]

    def requests(self):
        return [slot["reads"] + slot["writes"] + slot["others"] for slot in self.slots()]


class Torture:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.chance = random.Random(options.seed)
        self.tools = options.build / "tests/e2e/torture"
        self.clients = [client for client in CLIENTS if not options.kinds or client[0] in options.kinds]
        self.board = Board(directory / "board")
        self.images = directory / "images"
        self.log = open(directory / "daemon.log", "ab")
        self.proxies, self.processes = {}, []
        self.daemon, self.address = None, ("127.77.%d.%d" % (os.getpid() >> 8 & 255, os.getpid() & 255 or 1), 0)
        self.kills, self.early_kills, self.upgrades, self.faults = 0, 0, 0, []
        self.environment = os.environ | {
            "LD_PRELOAD": str(options.build / "tests/e2e/faults.so"), "BH_FAULTS": str(directory / "control"),
            "BH_FAULTS_NAME": ".img",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.make_images()

    def make_images(self):
        self.images.mkdir()
        for _, _, volume, exponent, commons, first, count in self.clients:
            with open(self.images / volume, "ab") as file:
                file.truncate(max(file.tell(), (128 << exponent) * (first + count)))
        config = CONFIG.format(images=self.images)
        if not (self.images / "shared.img").exists():
            (self.images / "shared.img").write_bytes(bytes(65536))
        if not (self.images / "stable.img").exists():
            (self.images / "stable.img").write_bytes(bytes(65536))
        (self.directory / "blockheadd.conf").write_text(config)

    # The daemon

    def linger(self):
        """How long the daemon's writes take to return in its next life."""
        rules = [0] * 21
        rules[11] = self.chance.choice(LINGERS)
        (self.directory / "control").write_bytes(RULES.pack(*rules))

    def start_daemon(self):
        command = [self.options.build / "blockheadd", "-c", self.directory / "blockheadd.conf",
                   "-l", "udp:%s:%d" % self.address]
        if self.options.state != "no":
            command += ["--state", "none" if self.options.state == "none" else self.directory / "state"]
        self.linger()
        self.daemon = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, env=self.environment,
                                       stdout=subprocess.PIPE, stderr=self.log, text=True)
        if self.address[1] == 0:
            self.address = self.address[0], int(self.find_listening()[1])

    def find_listening(self):
        for line in self.daemon.stdout:
            found = LISTENS.search(line)
            if found:
                return found.groups()
        raise Broken(f"the daemon did not start:\n{self.daemon_log()}")

    def daemon_log(self):
        return (self.directory / "daemon.log").read_text(errors="replace")[-4000:]

    def check_alive(self):
        if self.daemon.poll() is not None:
            raise Broken(f"the daemon ended by itself with {self.daemon.returncode}:\n{self.daemon_log()}")
        for process, client in zip(self.processes, self.clients):
            if process.poll() is not None:
                raise Broken(f"client {client[0]} of {client[2]} ended with {process.returncode}")

    def kill_daemon(self):
        self.check_alive()
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stdout.close()
        self.kills += 1

    def kill_daemon_early(self):
        """Also while it starts: what it was left must be whole for the next one."""
        for _ in range(self.chance.randrange(1, 4)):
            time.sleep(self.chance.uniform(0, 0.04))
            self.kill_daemon()
            self.kills -= 1
            self.early_kills += 1
            self.start_daemon()

    def end_daemon_for_an_upgrade(self):
        """SIGTERM in between: it leaves its sessions to the next one."""
        self.check_alive()
        self.end_daemon()
        self.upgrades += 1

    def end_daemon(self):
        self.daemon.terminate()
        if self.daemon.wait(60) != 0:
            self.faults.append(f"the daemon ended with {self.daemon.returncode}")
        self.daemon.stdout.close()

    # Paths and clients

    def start_paths(self):
        for name, numbers in PATHS.items():
            words = [self.tools / "torture_proxy", 0, *self.address, *numbers, self.options.seed]
            self.proxies[name] = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)

    def start_clients(self):
        ports = {name: proxy.stdout.readline().strip() for name, proxy in self.proxies.items()}
        for slot, (kind, path, volume, exponent, commons, first, count) in enumerate(self.clients):
            path = self.options.path or path
            words = [self.tools / ("torture_" + PROGRAMS.get(kind, "strict")), kind, ports[path], volume,
                     self.images / volume, sum(volume.encode()), commons, first, count, exponent,
                     self.options.seed * 100 + slot, slot, self.board.path]
            self.processes.append(subprocess.Popen([str(word) for word in words]))

    def end_paths(self):
        counts = dict.fromkeys(("seen", "dropped", "doubled", "reordered"), 0)
        for proxy in self.proxies.values():
            proxy.terminate()
            for name, count in json.loads(proxy.communicate(timeout=30)[0].splitlines()[-1]).items():
                counts[name] += count
        return counts

    def wait_until(self, condition, what):
        due = time.monotonic() + PATIENCE_S
        while not condition():
            self.check_alive()
            if time.monotonic() > due:
                raise Broken(f"{what} within {PATIENCE_S} s: {self.board.requests()[:len(self.clients)]}")
            time.sleep(0.01)

    def wait_until_each(self, more, what):
        """Until each client has `more` requests answered from now on."""
        before = self.board.requests()
        self.wait_until(lambda: all(now >= old + more for now, old in
                                    zip(self.board.requests()[:len(self.clients)], before)), what)

    def wait_until_loaded(self):
        before = sum(self.board.requests())
        self.wait_until(lambda: sum(self.board.requests()) > before + 20, "the restarted daemon answered nobody")

    # The whole

    def kill_often(self):
        for turn in range(self.options.kills):
            self.wait_until_loaded()
            time.sleep(self.chance.uniform(0.05, 0.8))
            self.kill_daemon()
            self.start_daemon()
            if turn % 4 == 2:
                self.kill_daemon_early()
            if turn % 8 == 5:
                self.wait_until_loaded()
                self.end_daemon_for_an_upgrade()
                self.start_daemon()
            if turn % 10 == 9:
                self.wait_until_each(1, "not every client got on")
            if turn % 25 == 24:
                print(f"{turn + 1} kills, {sum(self.board.requests())} requests, "
                      f"{self.violations()} violations", flush=True)

    def violations(self):
        return sum(slot["violations"] for slot in self.board.slots())

    def end_clients(self):
        for process in self.processes:
            process.terminate()
        for process, client in zip(self.processes, self.clients):
            try:
                code = process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.faults.append(f"client {client[0]} of {client[2]} did not end")
                continue
            if code != 0:
                self.faults.append(f"client {client[0]} of {client[2]} ended with {code}")

    def run(self):
        self.start_daemon()
        self.start_paths()
        self.start_clients()
        self.wait_until_each(10, "not every client could open its volume")
        self.kill_often()
        self.wait_until_each(5, "not every client got on after the last kill")
        time.sleep(self.options.rest)
        self.end_clients()
        self.end_daemon()

    def clean_up(self):
        for process in (*self.processes, *self.proxies.values(), self.daemon):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def summary(self, seconds):
        slots = self.board.slots()
        total = {name: sum(slot[name] for slot in slots) for name in SLOT}
        by_kind = {}
        for slot, client in zip(slots, self.clients):
            row = by_kind.setdefault(client[0], dict.fromkeys(SLOT, 0))
            for name in SLOT:
                row[name] += slot[name]
        found = SANITIZER.search((self.directory / "daemon.log").read_text(errors="replace"))
        if found:
            self.faults.append(f"the daemon's log says: {found.group(0)}")
        return {"seed": self.options.seed, "kills": self.kills, "early_kills": self.early_kills, "upgrades": self.upgrades,
                "seconds": round(seconds, 1), "total": total,
                "kinds": by_kind, "faults": self.faults, "violations": total["violations"] + len(self.faults)}


def show(result):
    print("kind      requests    reads   writes   others   resent   strays reconnections verified violations")
    for kind, row in {**result["kinds"], "all": result["total"]}.items():
        print(f"{kind:8s} {row['reads'] + row['writes'] + row['others']:9d} {row['reads']:8d} {row['writes']:8d} "
              f"{row['others']:8d} {row['retransmissions']:8d} {row['strays']:8d} {row['reconnections']:13d} "
              f"{row['verified']:8d} {row['violations']:10d}")
    path = result["path"]
    print(f"paths: {path['seen']} datagrams, {path['dropped']} dropped, {path['doubled']} doubled, "
          f"{path['reordered']} reordered")
    for fault in result["faults"]:
        print("VIOLATION", fault)
    print(f"seed {result['seed']}: {result['kills']} kills, {result['early_kills']} more as it started, "
          f"{result['upgrades']} orderly restarts in {result['seconds']} s; "
          f"{result['total']['verified']} sectors verified, {result['violations']} violations")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=os.environ.get("BUILD", "build"))
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--rest", type=float, default=0.5, metavar="S", help="go on for that long after the last kill")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--json", type=pathlib.Path, help="write the summary there too")
    parser.add_argument("--state", choices=("dir", "none", "no"), default="dir",
                        help="'none' must break promises; 'no' is for a daemon that does not know the option")
    parser.add_argument("--kinds", nargs="*", help="only these kinds of clients")
    parser.add_argument("--path", choices=PATHS, help="all clients on this path; the naive are promised nothing on others than 'gentle'")
    return parser.parse_args()


def main():
    options = parse_options()
    options.build = options.build.resolve()
    print(f"seed {options.seed}, {options.kills} kills", flush=True)
    with tempfile.TemporaryDirectory(prefix="bh-torture-") as name:
        torture = Torture(options, pathlib.Path(name))
        began = time.monotonic()
        path = dict.fromkeys(("seen", "dropped", "doubled", "reordered"), 0)
        try:
            torture.run()
            path = torture.end_paths()
        except Broken as fault:
            torture.faults.append(str(fault))
        finally:
            torture.clean_up()
        result = torture.summary(time.monotonic() - began) | {"path": path}
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result))
    return 1 if result["violations"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
