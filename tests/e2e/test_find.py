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

from conftest import BUILD, LISTENS, Process, make_image
from machines import some

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERVICE = ROOT / "contrib/avahi/blockhead.service"
PORT = 4444


# find

@pytest.fixture
def machines():
    """Three machines: the first has a cable to each of the others."""
    with some(3) as made:
        made[0].connect(made[1], "10.44.1", 1)
        made[0].connect(made[2], "10.44.2", 2)
        yield made


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
