# SPDX-License-Identifier: MIT
"""Machines with cables between them: network namespaces."""
import contextlib
import os
import shutil
import subprocess

import pytest

from conftest import wait_until


class Machine:
    """A network namespace with a loopback, for as long as a process of ours is in it."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "-n", "sleep", "600"], stderr=subprocess.PIPE)
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: self.process.poll() is not None or os.readlink(f"{self}/ns/net") != own)
        if self.process.poll() is not None:
            pytest.skip(f"no network namespace here: {self.process.stderr.read().decode()}")
        self.run("ip", "link", "set", "lo", "up")

    def __str__(self):
        return f"/proc/{self.process.pid}"

    def inside(self, *command):
        return ["nsenter", f"--net={self}/ns/net", *map(str, command)]

    def run(self, *command):
        return subprocess.run(self.inside(*command), check=True, capture_output=True, text=True, timeout=60).stdout

    def connect(self, other, network, number):
        """A cable to `other`, with addresses of both families at once: fe80:: without looking for duplicates."""
        ends = [(self, f"to{number}", 1), (other, "uplink", 2)]
        self.run("ip", "link", "add", ends[0][1], "type", "veth", "peer", "name", ends[1][1], "netns",
                 other.process.pid)
        for machine, name, host in ends:
            machine.run("ip", "link", "set", name, "addrgenmode", "none", "up")
            machine.run("ip", "address", "add", f"{network}.{host}/24", "broadcast", "+", "dev", name)
            machine.run("ip", "-6", "address", "add", f"fe80::{number}:{host}/64", "dev", name, "nodad")

    def end(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def some(count):
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("networks take root, unshare and ip")
    made = []
    try:
        made.extend(Machine() for _ in range(count))
        yield made
    finally:
        for machine in made:
            machine.end()
