# SPDX-License-Identifier: MIT
"""Servers are found: by broadcasts on networks of their own, and by the service file for Avahi."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import BUILD, LISTENS, Process, make_image, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERVICE = ROOT / "contrib/avahi/blockhead.service"
PORT = 4444


# find

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


@pytest.fixture
def machines():
    """Three machines: the first has a cable to each of the others."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("networks take root, unshare and ip")
    made = []
    try:
        made.extend(Machine() for _ in range(3))
        made[0].connect(made[1], "10.44.1", 1)
        made[0].connect(made[2], "10.44.2", 2)
        yield made
    finally:
        for machine in made:
            machine.end()


@pytest.fixture
def servers(machines, images, tmp_path):
    """A server on each machine but the first."""
    make_image(images / "a.img", 1000)
    started = []
    for i, machine in enumerate(machines[1:]):
        command = machine.inside(BUILD / "blockheadd", "-l", f"udp:*:{PORT}", "--state", "none", "--control", "none",
                                 images)
        started.append(Process(command, tmp_path / f"server{i}"))
        started[-1].wait_for_out(LISTENS)
    yield started
    for server in started:
        server.end()


def find(machine, *options):
    command = machine.inside(BUILD / "blockhead", "find", "-t", "1", *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_find_finds_the_servers_of_each_network(machines, servers):
    """By both families; IDENTIFY without a session names them, and tells two addresses of one from two servers."""
    found = {entry["host"]: entry for entry in json.loads(find(machines[0], "--json").stdout)}
    assert {"10.44.1.2", "10.44.2.2"} <= set(found)
    assert set(found) <= {"10.44.1.2", "10.44.2.2", "fe80::1:2%to1", "fe80::2:2%to2"}
    assert len(found) == 4, "IPv6 multicast was not answered"
    assert {entry["port"] for entry in found.values()} == {PORT}
    assert {entry["name"] for entry in found.values()} == {socket.gethostname()}
    assert found["10.44.1.2"]["instance"] == found["fe80::1:2%to1"]["instance"]
    assert len({entry["instance"] for entry in found.values()}) == 2


def test_what_find_prints_can_be_typed(machines, servers):
    rows = find(machines[0]).stdout.splitlines()[1:]
    assert len(rows) == 4
    for address in (row.split()[0] for row in rows):
        assert "a.img" in machines[0].run(BUILD / "blockhead", "ls", address)


def test_find_asks_one_port(machines, servers):
    result = find(machines[0], "-p", PORT + 1)
    assert (result.returncode, result.stdout) == (1, "") and "no server answered" in result.stderr


def test_a_server_says_where_it_is_on_its_network(machines, servers):
    text = machines[0].run(BUILD / "blockhead", "get", "10.44.2.2/:readme", "-")
    assert f"AT 10.44.2.2 PORT {PORT} " in text


# Avahi

def test_the_service_file_has_type_and_port():
    group = xml.etree.ElementTree.parse(SERVICE).getroot()
    service, = group.findall("service")
    assert group.tag == "service-group" and group.find("name").get("replace-wildcards") == "yes"
    assert {child.tag: child.text for child in service} == {"type": "_blockhead._udp", "port": str(PORT)}


@pytest.mark.skipif(not shutil.which("meson"), reason="meson is not installed")
@pytest.mark.parametrize("there, option, where", [
    (True, [], "{prefix}/etc/avahi/services"),
    (False, [], None),
    (True, ["-Davahi=none"], None),
    (False, ["-Davahi=/etc/avahi/services"], "/etc/avahi/services"),
])
def test_the_service_file_is_installed_where_avahi_looks(tmp_path, there, option, where):
    prefix = tmp_path / "prefix"
    if there:
        (prefix / "etc/avahi/services").mkdir(parents=True)
    subprocess.run(["meson", "setup", f"--prefix={prefix}", "-Dtests=false", *option, tmp_path / "build", ROOT],
                   check=True, capture_output=True, timeout=120)
    out = subprocess.run(["meson", "introspect", "--installed", tmp_path / "build"], check=True, capture_output=True,
                         timeout=60).stdout
    installed = {source: target for source, target in json.loads(out).items() if source.endswith(".service")}
    assert installed == ({} if where is None else {str(SERVICE): where.format(prefix=prefix) + "/blockhead.service"})
