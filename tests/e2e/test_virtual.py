# SPDX-License-Identifier: MIT
"""Volumes that the server makes itself: :time and :readme, as a client with READ alone sees them. :list is in
test_names.py."""
import datetime
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from client import BAD_LSN, IS_READ_ONLY, READ_ONLY, STRICT, error_of
from conftest import wait_until, make_image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINE = 32
DAYS = "MON TUE WED THU FRI SAT SUN".split()


@pytest.fixture(scope="module")
def server(serve_module, tmp_path_factory):
    directory = tmp_path_factory.mktemp("images")
    make_image(directory / "a.img", 1000)
    return serve_module(directory)


def content(server, name, n):
    """All sectors of 128 << n bytes, one READ each."""
    with server.peer() as peer:
        session = peer.open(name, n)
        count = session.identify().count
        data = b"".join(session.read(lsn) for lsn in range(count))
        assert error_of(session.read, count) == BAD_LSN
        session.discon()
    return data


def lines_of(data):
    """The text of lines of 32 bytes; behind them there are zeros alone, and less than a sector of them."""
    text = data.rstrip(b"\0").decode("ascii")
    assert len(text) % LINE == 0
    lines = [text[at:at + LINE] for at in range(0, len(text), LINE)]
    assert all(line.endswith("\r\n") and re.fullmatch("[ -_]{30}", line[:-2]) for line in lines)
    return [line[:-2].rstrip() for line in lines]


def moment_of(data):
    """The UTC seconds of a record of :time, whose fields must fit together."""
    here, utc = lines_of(data)
    date, clock, day, zone = here.split(" ")
    local = datetime.datetime.fromisoformat(f"{date}T{clock}{zone}")
    seconds = int(utc[:12])
    assert (len(here), utc[12:]) == (30, " SECONDS FROM 1970")
    assert local.timestamp() == seconds and DAYS[local.weekday()] == day
    return seconds


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_time_is_one_sector_that_says_now(server, n):
    before = int(time.time())
    data = content(server, ":TIME", n)
    assert len(data) == 128 << n
    assert before <= moment_of(data) <= time.time()


def test_each_read_of_time_is_of_its_own_moment(server):
    with server.peer() as peer:
        session = peer.open(":time")
        first = moment_of(session.read(0))
        wait_until(lambda: moment_of(session.read(0)) > first, 5)


@pytest.mark.parametrize("zone, offset", [("UTC", "+00:00"), ("<-0330>3:30", "-03:30"), ("<+0545>-5:45", "+05:45")])
def test_time_is_in_the_servers_zone(serve, images, monkeypatch, zone, offset):
    monkeypatch.setitem(os.environ, "TZ", zone)
    data = content(serve(images), ":time", 0)
    assert data[24:30].decode() == offset
    moment_of(data)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_readme_is_the_same_in_every_sector_size(server, n):
    data = content(server, ":readme", n)
    lines = lines_of(data)
    assert lines == lines_of(content(server, ":README", 0))
    assert len(data) - len(lines) * LINE < 128 << n


def test_readme_says_what_and_where_this_is(server):
    lines = lines_of(content(server, ":readme", 1))
    assert re.fullmatch(r"BLOCKHEAD \d+\.\d+\.\d+", lines[0])
    assert f"AT {server.address[0]} PORT {server.address[1]}" in lines
    assert f"ON {socket.gethostname().upper()}"[:30] in lines
    for name in ":LIST", ":TIME", ":README", ":7":
        assert any(name in line.split() for line in lines)


def test_readme_of_a_server_on_all_addresses_has_this_machines(serve, images):
    server = serve(images, listen=("udp:*:0",))
    lines = lines_of(content(server, ":readme", 2))
    port = server.address[1]
    for address in re.findall(r"type on the other machine:  (\S+)  port", server.out())[:8]:
        assert f"AT {address} PORT {port}" in lines


@pytest.mark.parametrize("name", [":time", ":readme"])
def test_they_cannot_be_written_and_are_nobodys(server, name):
    with server.peer() as one, server.peer() as two:
        first, second = one.open(name), two.open(name)
        assert error_of(first.write, 0, bytes(256)) == IS_READ_ONLY
        assert first.identify().flags & 1 and first.identify().name == name
        assert first.alive() and second.alive() and one.open(name, READ_ONLY).alive()


def test_default_and_strict_sessions_read_the_same(server):
    with server.peer() as peer:
        strict = peer.open(":readme", STRICT | 1)
        data = b"".join(strict.read(lsn) for lsn in range(strict.identify().count))
    assert data == content(server, ":readme", 1)


def test_the_command_reads_them(server, blockhead):
    lines = lines_of(blockhead("get", server.url(":readme"), "-").stdout)
    assert lines[0].startswith("BLOCKHEAD ")
    moment_of(blockhead("read", "--raw", server.url(":time"), 0).stdout)
    assert {entry["name"] for entry in json.loads(blockhead("ls", "--json", server.name).stdout)} == {"a.img"}


@pytest.mark.parametrize("count", [0, 1, 8, 9, 1000])
def test_ls_of_many_images(serve, images, blockhead, count):
    """A run of 64 sectors has 512 of them."""
    names = [f"image-{i:04}" for i in range(count)]
    for name in names:
        (images / name).touch()
    entries = json.loads(blockhead("ls", "--json", serve(images).name).stdout)
    assert [(entry["name"], entry["number"]) for entry in entries] == [(name, i + 1) for i, name in enumerate(names)]


def by_hand(heading):
    """(command, what it prints) of the shell's transcript in docs/by-hand.md."""
    text = (ROOT / "docs/by-hand.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^    \$ (.*)\n((?:    (?!\$).*\n)*)", text, re.M)
    return [(command, [line[4:] for line in out.splitlines()]) for command, out in blocks]


def shell(script):
    """What it prints; again while that is nothing, for a datagram may be lost, or answered late."""
    for _ in range(5):
        out = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60).stdout
        if out:
            break
    return out


def undated(line):
    """A line of a transcript, whatever the day, the zone and the bytes were."""
    line = re.sub(r" (SUN|MON|TUE|WED|THU|FRI|SAT) [+-]", " DAY +", line[:50])
    return re.sub(r"[0-9a-f]", "0", line)


def test_a_session_by_hand(server):
    """The transcript is what happens, but for the id and the time."""
    steps = by_hand("In a shell")
    commands = [command.replace("127.0.0.1 4444", " ".join(map(str, server.address))) for command, _ in steps]
    connected = shell(f"{commands[0]}\n{commands[1]}")
    session = re.match(r"00000000: 0201 00(\w\w) (\w\w) ", connected)
    assert session, connected
    shown = []
    for (command, said), run in list(zip(steps, commands))[2:]:
        run = run.replace("0069", "".join(session.groups()))
        out = shell(f"{commands[0]}\n{run}").splitlines()
        assert [undated(line) for line in out] == [undated(line) for line in said], command
        shown.append(out)
    assert [len(out) for out in shown] == [5, 1, 1] and shown[2][0].startswith("00000000: 0204 00 ")
