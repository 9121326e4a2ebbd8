# SPDX-License-Identifier: MIT
"""Names: which of them lead to an image, and that no other leads anywhere."""
import os
import socket
import stat

import pytest

from client import BAD_LSN, IN_USE, IS_READ_ONLY, LOOK, NO_IMAGE, OK, READ_ONLY, Refused, error_of
from conftest import wait_until

SIZE = 1024
LONG = "L" * 251 + ".img"

# Files that are served; each holds its own name.
FILES = ["Disk.img", "other.img", "twin.img", "TWIN.IMG", "a b.img", "%s%n.img", "-rf.img", "naïve.img", LONG,
         "sub/inner.dsk", "sub/deep/er.dsk"]
# Files that are there and are not served.
HIDDEN = [".secret.img", "sub/.hidden.img", ".dir/inside.img"]


def write_named(path, name):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode().ljust(SIZE, b"."))


@pytest.fixture(scope="module")
def server(serve_module, tmp_path_factory):
    top = tmp_path_factory.mktemp("top")
    images = top / "images"
    for name in FILES + HIDDEN:
        write_named(images / name, name)
    write_named(top / "outside.img", "outside")
    (images / "inside-link.img").symlink_to("other.img")
    (images / "out-link.img").symlink_to("../outside.img")
    (images / "absolute-link.img").symlink_to(top / "outside.img")
    (images / "magic-link.img").symlink_to("/proc/self/exe")
    (images / "dangling-link.img").symlink_to("nowhere.img")
    (images / "loop.img").symlink_to("loop.img")
    (images / "out-dir").symlink_to("..")
    (images / "folder.img").mkdir()
    os.mkfifo(images / "fifo.img")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(images / "socket.img"))
    if os.geteuid() == 0:
        os.mknod(images / "device.img", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    return serve_module("-x", "Disk.img", images)


def content_of(server, name):
    """The name that the image behind `name` holds, or the error."""
    with server.peer() as peer:
        try:
            session = peer.open(name, LOOK | 1)
        except Refused as refused:
            return refused.error
        return session.read(0).rstrip(b".").decode()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_by_its_name(server, name):
    assert content_of(server, name) == name


@pytest.mark.parametrize("name, image", [
    ("", "Disk.img"),
    ("   ", "Disk.img"),
    (" \r\n \n", "Disk.img"),
    ("other.img ", "other.img"),
    ("other.img" + " " * 246, "other.img"),
    ("other.img\r", "other.img"),
    ("other.img\r\n", "other.img"),
    ("other.img \r \n ", "other.img"),
    ("a b.img  ", "a b.img"),
    ("DISK.IMG", "Disk.img"),
    ("disk.img", "Disk.img"),
    ("dISK.iMG  ", "Disk.img"),
    ("SUB/INNER.DSK", "sub/inner.dsk"),
    ("twin.img", "twin.img"),
    ("TWIN.IMG", "TWIN.IMG"),
    ("inside-link.img", "other.img"),
])
def test_a_name_as_machines_write_it_is_found(server, name, image):
    assert content_of(server, name) == image


@pytest.mark.parametrize("name", [
    "Twin.img",  # two names differ from it in case alone
    " other.img", "\tother.img", "other.img\t", "other", "other.img.", "other.imgx", "Disk.img\x01",
    "NAÏVE.IMG",  # only A to Z have a case here
    "a  b.img", "ab.img", "*", "*.img", "?", "[a-z]*", "$HOME", "~", "nosuch.img", "\x1b[31mred", "\xff",
])
def test_a_name_of_nothing_is_refused(server, name):
    assert content_of(server, name) == NO_IMAGE


@pytest.mark.parametrize("name", [
    ".", "..", "/", "./", "../", "../outside.img", "sub/../../outside.img", "sub/../other.img", "./other.img",
    "sub/./inner.dsk", "sub/../../images/other.img", "/etc/passwd", "//etc/passwd", "/proc/self/mem", "/dev/zero",
    "../../../../../../../../etc/passwd", "..\\outside.img", "%2e%2e/outside.img", "out-link.img",
    "absolute-link.img", "magic-link.img", "out-dir/outside.img", "dangling-link.img", "loop.img",
    "other.img/", "other.img/..", "sub", "sub/", "folder.img", "fifo.img", "socket.img", "device.img", *HIDDEN,
    ".SECRET.IMG", "SUB/.HIDDEN.IMG",
])
def test_a_name_that_leads_elsewhere_is_refused(server, name):
    assert content_of(server, name) == NO_IMAGE


def test_the_absolute_path_of_an_image_is_refused(server, tmp_path_factory):
    found = list(tmp_path_factory.getbasetemp().glob("top*/images/other.img"))
    assert found
    for path in found:
        assert content_of(server, str(path)) == NO_IMAGE


@pytest.mark.parametrize("byte", [c for c in range(1, 32) if c not in (10, 13)] + [127, 128, 255])
def test_a_control_character_is_part_of_the_name(server, byte):
    with server.peer() as peer:
        for name in (b"other.img%c" % byte, b"other%c.img" % byte, b"%c" % byte):
            assert error_of(peer.connect, name) == NO_IMAGE


def test_256_bytes_without_nul_are_malformed(server):
    with server.peer() as peer:
        peer.send(bytes([0, 1, 1]) + b"A" * 256)
        assert peer.receive() == bytes([2, 1, 3, 0, 0])


def test_no_control_character_reaches_the_log(server):
    assert content_of(server, "\x1b]0;title\x07\nblockheadd: all is well\x9b") == NO_IMAGE
    log = server.log_path.read_bytes()
    assert not any(byte < 32 and byte != 10 or byte == 127 for byte in log)
    assert b"\nblockheadd: all is well" not in log


def test_without_a_default_image_the_empty_name_is_refused(serve, images):
    write_named(images / "a.img", "a.img")
    write_named(images / "b.img", "b.img")
    assert content_of(serve(images), "") == NO_IMAGE


def test_a_single_file_is_served_under_its_own_name(serve, images):
    write_named(images / "a.img", "a.img")
    write_named(images / "b.img", "b.img")
    server = serve(images / "a.img")
    assert content_of(server, "a.img") == "a.img"
    assert content_of(server, "b.img") == NO_IMAGE
    assert content_of(server, "images/a.img") == NO_IMAGE


def test_a_default_may_differ_from_host_to_host(serve, images):
    write_named(images / "a.img", "a.img")
    write_named(images / "b.img", "b.img")
    server = serve(images, config="[server]\ndefault = a.img\n[host 127.200.0.1]\ndefault = b.img\n")
    assert content_of(server, "") == "a.img"
    with server.peer("127.200.0.1") as peer:
        assert peer.open("").read(0).startswith(b"b.img")


def test_a_new_image_is_found_and_a_deleted_one_is_not(serve, images):
    server = serve(images)
    assert content_of(server, "new.img") == NO_IMAGE
    write_named(images / "new.img", "new.img")
    assert content_of(server, "new.img") == "new.img"
    wait_until(lambda: content_of(server, "NEW.IMG") == "new.img", 3)
    (images / "new.img").unlink()
    assert content_of(server, "new.img") == NO_IMAGE


# :list and :N

def records(server, name=":list", n=1):
    """The parsed records of :list, read with sectors of 128 << n bytes."""
    with server.peer() as peer:
        session = peer.open(name, n)
        count = session.identify().count
        data = b"".join(session.read(lsn) for lsn in range(count))
        assert error_of(session.read, count) == BAD_LSN
        session.discon()
    lines = [data[at:at + 64] for at in range(0, len(data), 64)]
    full = [line for line in lines if line != bytes(64)]
    assert full == lines[:len(full)] and len(lines) - len(full) < 128 * 2 ** n // 64
    return [parse_record(line) for line in full]


def parse_record(line):
    text = line.decode("ascii")
    assert len(text) == 64 and text[63] == "\n"
    assert text[5] == text[46] == text[59] == " "
    number, size = text[:5], text[47:59]
    assert number == str(int(number)).rjust(5) and size == str(int(size)).rjust(12)
    return {"number": int(number), "name": text[6:46].rstrip(), "size": int(size), "flags": text[60:63]}


@pytest.fixture
def listed(serve, images):
    write_named(images / "b.img", "b")
    (images / "a.img").write_bytes(bytes(100))
    write_named(images / "read-only.img", "read-only")
    write_named(images / ("n" * 60), "long")
    write_named(images / ".hidden", "hidden")
    config = (f"[volume both]\npath = {images}/b.img\nmode = shared\n"
              f"[volume archive]\npath = {images}/read-only.img\nmode = read-only\n")
    return serve(images, config=config)


def test_list_has_a_record_for_each_image(listed):
    found = {record["name"]: record for record in records(listed)}
    assert set(found) >= {"a.img", "both", "archive", "n" * 40}
    assert not any(name.startswith((".", ":")) for name in found)
    assert (found["a.img"]["size"], found["a.img"]["flags"]) == (100, "WE-")
    assert (found["both"]["size"], found["both"]["flags"]) == (1024, "WS-")
    assert (found["archive"]["size"], found["archive"]["flags"]) == (1024, "RR-")


def test_list_is_sorted_and_the_same_in_every_sector_size(listed):
    first = records(listed)
    assert [r["name"] for r in first] == sorted(r["name"] for r in first)
    assert len({r["number"] for r in first}) == len(first) and all(r["number"] >= 1 for r in first)
    for n in range(8):
        assert records(listed, ":LIST", n) == first


def test_list_shows_what_is_in_use(listed):
    with listed.peer() as peer:
        session = peer.open("a.img")
        assert {r["name"]: r["flags"] for r in records(listed)}["a.img"] == "WEU"
        session.discon()
    assert {r["name"]: r["flags"] for r in records(listed)}["a.img"] == "WE-"


def test_list_is_a_snapshot_of_when_it_was_proven(listed, images):
    with listed.peer() as peer:
        session = peer.open(":list", 7)
        before = session.read(0)
        write_named(images / "aaa.img", "aaa")
        wait_until(lambda: any(r["name"] == "aaa.img" for r in records(listed)), 3)
        assert session.read(0) == before


def test_list_cannot_be_written_and_is_nobodys(listed):
    with listed.peer() as one, listed.peer() as two:
        first, second = one.open(":list"), two.open(":list")
        assert error_of(first.write, 0, bytes(256)) == IS_READ_ONLY
        assert first.read(0) == second.read(0)
        assert first.identify().flags & 1
        assert one.open(":list", READ_ONLY).alive() and two.open(":list", LOOK).alive()


def test_a_number_is_another_name_of_the_image(listed):
    for record in records(listed):
        with listed.peer() as peer:
            by_number = peer.open(f":{record['number']}", READ_ONLY)
            identity = by_number.identify()
            assert identity.name[:40] == record["name"] and identity.count == -(-record["size"] // 128)


def test_a_number_has_the_lock_of_the_image(listed):
    number = {r["name"]: r["number"] for r in records(listed)}["a.img"]
    with listed.peer() as one, listed.peer() as two:
        one.open("a.img")
        assert error_of(two.connect, f":{number}") == IN_USE
        assert error_of(two.connect, f":{number}", LOOK) == OK


@pytest.mark.parametrize("name", [":", ":0", ":99999", ":-1", ":1x", ":x", ":list2", ":lis", ":list/", ":01a",
                                  ":18446744073709551617", ":4294967297"])
def test_other_virtual_names_are_refused(listed, name):
    with listed.peer() as peer:
        assert error_of(peer.connect, name) == NO_IMAGE


def test_a_number_stays_with_its_image(listed, images):
    before = {r["name"]: r["number"] for r in records(listed)}
    write_named(images / "0first.img", "0first")
    (images / "b.img").rename(images / "zz.img")
    wait_until(lambda: {"0first.img", "zz.img"} <= {r["name"] for r in records(listed)}, 3)
    after = {r["name"]: r["number"] for r in records(listed)}
    assert after["a.img"] == before["a.img"]
    assert not {after["0first.img"], after["zz.img"]} & set(before.values())
