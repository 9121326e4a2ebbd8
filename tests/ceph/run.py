#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Ceph cluster of one machine behind qemu-nbd behind blockheadd: an image is copied there and back, and written to
while qemu-nbd and the OSD are killed and started again.

    run.py [--build DIRECTORY] [--kills N] [--seed N]

Everything is in a network namespace and a directory of its own. Without root, or without the packages, it says so and
ends well: there is nothing to see then.
"""
import argparse
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from client import OK, STRICT, Peer  # noqa: E402

PROGRAMS = "ceph", "ceph-mon", "ceph-osd", "monmaptool", "qemu-nbd", "rbd", "unshare", "ip"
BLOCK_DRIVER = "/usr/lib/*/qemu/block-rbd.so"
MIB = 1 << 20
SIZE_MIB = 32
WAIT_S = 60
MONITOR = "[v2:127.0.0.1:16790,v1:127.0.0.1:16789]"

CONFIG = """[global]
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon osd min down reporters = 1
osd objectstore = bluestore
bluestore block size = 1073741824
osd memory target = 939524096
rbd default features = 1
run dir = {root}
pid file = {root}/$name.pid
log file = {root}/$name.log
admin socket = {root}/$name.asok
crash dir = {root}
mon data = {root}/mon
osd data = {root}/osd
"""


def skip(why):
    print(f"make ceph: skipped: {why}")
    sys.exit(0)


def wait_until(condition, what, timeout=WAIT_S):
    due = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > due:
            raise SystemExit(f"{what}: not within {timeout} s")
        time.sleep(0.05)
    return result


class Program:
    """Something in the background that can be killed and started again."""

    def __init__(self, stack, name, command, log, ready=None, **options):
        self.name, self.command, self.log, self.ready, self.options = name, command, log, ready, options
        self.process = None
        self.start()
        stack.callback(self.end)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, **self.options)
        if self.ready:
            wait_until(lambda: self.ready() or self.process.poll() is not None, f"{self.name} starts")
        assert self.process.poll() is None, f"{self.name}: {self.log.read_text()}"

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT_S)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.kill()


class Cluster:
    """A monitor, an OSD on a file, a pool and an image."""

    def __init__(self, stack, root):
        self.root = root
        fsid = str(uuid.uuid4())
        os.environ["CEPH_CONF"] = str(root / "ceph.conf")
        (root / "ceph.conf").write_text(CONFIG.format(fsid=fsid, monitor=MONITOR, root=root))
        (root / "mon").mkdir()
        (root / "osd").mkdir()
        self.call("monmaptool", "--create", "--addv", "a", MONITOR, "--fsid", fsid, root / "monmap")
        self.call("ceph-mon", "--mkfs", "-i", "a", "--monmap", root / "monmap")
        self.monitor = Program(stack, "ceph-mon", ["ceph-mon", "-i", "a", "-f"], root / "mon.out")
        osd = str(uuid.uuid4())
        self.call("ceph", "osd", "new", osd, "0")
        self.call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.osd = Program(stack, "ceph-osd", ["ceph-osd", "-i", "0", "-f"], root / "osd.out", self.is_up)
        self.call("ceph", "osd", "pool", "create", "rbd", "8", "8")
        self.call("rbd", "create", "-s", f"{SIZE_MIB}M", "rbd/coco")

    def call(self, *command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=2 * WAIT_S,
                              check=False)
        if done.returncode != 0:
            raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def is_up(self):
        return " 1 up" in self.call("ceph", "osd", "stat")

    def export(self):
        path = self.root / "export"
        path.unlink(missing_ok=True)
        self.call("rbd", "export", "rbd/coco", path)
        return path.read_bytes()


class Load(threading.Thread):
    """Writes random sectors and remembers what was acknowledged."""

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.peer = Peer(address, host="127.0.0.1")
        self.session = self.peer.open("coco", STRICT | 2)
        self.session.identify()
        self.peer.retry_s = 2
        self.rng = random.Random(seed)
        self.model, self.rounds, self.over, self.fault = {}, 0, False, None

    def run(self):
        try:
            while not self.over:
                places = self.rng.sample(range(SIZE_MIB * MIB // 512), 16)
                changed = {lsn: self.rng.randbytes(512) for lsn in places}
                self.session.write_many(changed)
                self.model.update(changed)
                if self.rng.random() < 0.1:
                    self.session.flush()
                self.rounds += 1
        except Exception as fault:  # pylint: disable=broad-except
            self.fault = fault

    def wait_for_rounds(self, count):
        goal = self.rounds + count
        wait_until(lambda: self.rounds >= goal or self.fault, "the load goes on", 5 * WAIT_S)
        assert self.fault is None, repr(self.fault)

    def end(self):
        self.over = True
        self.join(WAIT_S)
        assert not self.is_alive() and self.fault is None, repr(self.fault)
        assert self.session.read_many(self.model) == self.model, "an acknowledged write is not there"
        assert self.session.discon() == OK
        self.peer.close()


def start_daemon(stack, build, root, socket):
    config = root / "blockheadd.conf"
    config.write_text(f"[server]\nlisten = udp:127.0.0.1:0\nstate = none\ncontrol = none\n[volume coco]\n"
                      f"path = nbd+unix:///coco?socket={socket}\ntimeout = 60s\n")
    log = root / "blockheadd.out"
    Program(stack, "blockheadd", [build / "blockheadd", "-c", config], log, lambda: "try:" in log.read_text())
    return "127.0.0.1", int(re.search(r"udp:127.0.0.1:(\d+)", log.read_text())[1])


def copy(build, root, cluster, address):
    """There by blockhead, and what Ceph has, and back."""
    image, back = root / "image", root / "back"
    data = random.Random(1).randbytes(SIZE_MIB * MIB)
    image.write_bytes(data)
    url = f"blockhead://{address[0]}:{address[1]}/coco"
    for words in (["put", image, url], ["get", url, back]):
        cluster.call(build / "blockhead", *words)
    assert back.read_bytes() == data, "what came back differs"
    assert cluster.export() == data, "what Ceph has differs"
    print(f"{SIZE_MIB} MiB written, read back, and the same in `rbd export`", flush=True)


def kill_under_load(arguments, cluster, nbd, address):
    rng = random.Random(arguments.seed)
    load = Load(address, arguments.seed)
    load.start()
    counts = {nbd.name: 0, cluster.osd.name: 0}
    for turn in range(arguments.kills):
        load.wait_for_rounds(rng.randrange(1, 6))
        victim = cluster.osd if turn % 4 == 3 else nbd
        victim.kill()
        victim.start()
        counts[victim.name] += 1
    load.wait_for_rounds(3)
    load.end()
    data = cluster.export()
    for lsn, sector in load.model.items():
        assert data[lsn * 512:lsn * 512 + 512] == sector, f"sector {lsn} differs in `rbd export`"
    print(f"{load.rounds * 16:,} writes acknowledged while " +
          ", ".join(f"{name} was killed {count} times" for name, count in counts.items()) +
          f": {len(load.model):,} sectors as they were written, here and in `rbd export`", flush=True)


def run(arguments, stack, root):
    began = time.monotonic()
    cluster = Cluster(stack, root)
    print(f"Ceph {cluster.call('ceph', '--version').split()[2]}, up in {time.monotonic() - began:.0f} s", flush=True)
    socket = root / "nbd.sock"
    nbd = Program(stack, "qemu-nbd", ["qemu-nbd", "--persistent", f"--socket={socket}", "--export-name=coco",
                                      "--image-opts", f"driver=rbd,pool=rbd,image=coco,conf={root}/ceph.conf"],
                  root / "qemu-nbd.out", socket.exists)
    address = start_daemon(stack, arguments.build, root, socket)
    copy(arguments.build, root, cluster, address)
    kill_under_load(arguments, cluster, nbd, address)


def enter_namespace():
    """Again, where nothing is to be reached and nobody reaches us."""
    if os.environ.get("BH_CEPH_INSIDE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["BH_CEPH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable, __file__, *sys.argv[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing or not list(pathlib.Path("/").glob(BLOCK_DRIVER[1:])):
        skip(f"{', '.join(missing) or BLOCK_DRIVER} not there; tools/install-packages ceph")
    if os.geteuid() != 0:
        skip("a network namespace of its own needs root")
    enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bh-ceph-") as directory, contextlib.ExitStack() as stack:
        run(arguments, stack, pathlib.Path(directory))


if __name__ == "__main__":
    main()
