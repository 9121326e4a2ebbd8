# SPDX-License-Identifier: MIT
"""Images with headers, and partitions: made by qemu-img, MAME's floptool and sfdisk, who know nothing of us."""
import contextlib
import json
import os
import shutil
import struct
import subprocess
import time

import pytest

from client import (BAD_FLAGS, BAD_LSN, IN_USE, IS_READ_ONLY, LOOK, NO_IMAGE, OK, READ_ONLY, STORAGE, error_of)
from conftest import make_image

os.environ["PATH"] += ":/usr/sbin:/sbin"


def needs(*programs):
    return pytest.mark.skipif(not all(map(shutil.which, programs)), reason=f"not installed: {', '.join(programs)}")


def run(*command, text=None):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, input=text)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def connect_error(server, name, flags=1):
    with server.peer() as peer:
        return error_of(peer.open, name, flags)


def check_volume(server, path, name, data, first, n=1):
    """The volume is exactly `data`, `first` bytes into the file, and no WRITE reaches anything else of it."""
    file = bytearray(path.read_bytes())
    with server.peer() as peer:
        session = peer.open(name, n)
        size, last = session.sector, (len(data) - 1) // session.sector
        assert session.identify().count == last + 1
        for lsn in (0, 1, last // 2, last):
            assert session.read(lsn) == data[lsn * size:(lsn + 1) * size].ljust(size, b"\0")
        for lsn in (0, last):
            session.write(lsn, bytes([lsn % 251 + 1]) * size)
            file[first + lsn * size:first + min((lsn + 1) * size, len(data))] = \
                bytes([lsn % 251 + 1]) * (min((lsn + 1) * size, len(data)) - lsn * size)
        assert error_of(session.read, last + 1) == BAD_LSN
        assert error_of(session.write, last + 1, bytes(size)) == BAD_LSN
        assert session.discon() == OK
    assert path.read_bytes() == file


# Headers

def make_vhd(directory, data, subformat="fixed"):
    (directory / "raw").write_bytes(data)
    run("qemu-img", "convert", "-O", "vpc", "-o", f"subformat={subformat}", directory / "raw", directory / "disk.vhd")
    return directory / "disk.vhd"


@needs("qemu-img")
def test_a_fixed_vhd_of_qemu_img(serve, images, tmp_path):
    data = make_image(tmp_path / "data", 5_000_192, 1)
    path = make_vhd(tmp_path, data)
    size = json.loads(run("qemu-img", "info", "-f", "vpc", "--output=json", path))["virtual-size"]
    assert size >= len(data)
    path = shutil.copy(path, images / "Disk.VHD")
    check_volume(serve(images), path, "DISK.VHD", data.ljust(size, b"\0"), 0)
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", path, tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == path.read_bytes()[:size]


@needs("qemu-img")
def test_only_a_whole_fixed_vhd_is_served(serve, images, tmp_path):
    data = make_image(tmp_path / "data", 1 << 20, 1)
    shutil.copy(make_vhd(tmp_path, data, "dynamic"), images / "dynamic.vhd")
    good = make_vhd(tmp_path, data).read_bytes()
    for name, damaged in [("sum", good[:-1] + b"\1"), ("size", good[:4096] + good[-512:]),
                          ("cut", good[:-512]), ("tiny", good[-512:])]:
        (images / f"{name}.vhd").write_bytes(damaged)
    server = serve(images)
    for name, sentence in [("dynamic", "dynamic or differencing VHD"), ("sum", "checksum of its VHD footer"),
                           ("size", "from byte 0 on, but there are 4096"), ("tiny", "there are 0 in all")]:
        assert connect_error(server, f"{name}.vhd") == STORAGE
        server.wait_for_log(f"{name}.vhd.*{sentence}")
    with server.peer() as peer:  # without a footer it is what CoCo users call .vhd
        assert peer.open("cut.vhd").identify().count == (len(good) - 512) // 256


def floppy(directory, size, kind, source="jvc"):
    """Random sectors, and the image that floptool makes of them."""
    data = make_image(directory / "data", size, size)
    run("floptool", "flopconvert", source, kind, directory / "data", directory / "made")
    return data, directory / "made"


def unpacked(path, kind, target="jvc"):
    """What floptool reads from an image."""
    run("floptool", "flopconvert", kind, target, path, path.with_suffix(".back"))
    return path.with_suffix(".back").read_bytes()


@needs("floptool")
@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("name, kind, source, size, first", [
    ("disk.vdk", "vdk", "jvc", 184320, 12),
    ("disk.2mg", "apple_2mg", "apple_gcr", 819200, 64),
])
def test_a_floppy_of_floptool(serve, images, tmp_path, name, kind, source, size, first, n):
    data, made = floppy(tmp_path, size, kind, source)
    path = shutil.copy(made, images / name)
    check_volume(serve(images), path, name, data, first, n)
    assert unpacked(path, kind, source) == path.read_bytes()[first:]


@needs("floptool")
@pytest.mark.parametrize("name", ["disk.dsk", "disk.jvc"])
def test_a_jvc_of_two_sides(serve, images, tmp_path, name):
    data = make_image(tmp_path / "data", 368640, 1)
    (tmp_path / "two").write_bytes(bytes([18, 2]) + data)
    run("floptool", "flopconvert", "jvc", "vdk", tmp_path / "two", tmp_path / "vdk")
    run("floptool", "flopconvert", "vdk", "jvc", tmp_path / "vdk", images / name)
    assert (images / name).read_bytes()[2:] == data
    check_volume(serve(images), images / name, name, data, 2)


@needs("floptool")
@pytest.mark.parametrize("name", ["disk.dc42", "disk.image"])
def test_a_diskcopy_image_is_read_only(serve, images, tmp_path, name):
    data, made = floppy(tmp_path, 819200, "dc42", "apple_gcr")
    path = shutil.copy(made, images / name)
    server = serve(images)
    with server.peer() as peer, server.peer() as other:
        session = peer.open(name, 2)
        assert session.identify().count == 1600 and session.identify().flags & 1
        assert session.read(0) == data[:512] and session.read(1599) == data[-512:]
        assert error_of(session.write, 0, bytes(512)) == IS_READ_ONLY
        assert other.open(name, 2).read(1) == data[512:1024]  # nobody is kept out
    assert path.read_bytes() == made.read_bytes()


def atr(data, sector):
    """As Nick Kennedy's SIO2PC has it: a word that sums up NICKATARI, paragraphs, bytes of a sector."""
    paragraphs = len(data) // 16
    return struct.pack("<HHHB9x", sum(b"NICKATARI"), paragraphs & 0xFFFF, sector, paragraphs >> 16) + data


def test_an_atr_of_single_density(serve, images, tmp_path):
    data = make_image(tmp_path / "data", 720 * 128, 1)
    path = images / "DOS.ATR"
    path.write_bytes(atr(data, 128))
    check_volume(serve(images), path, "dos.atr", data, 16, 0)


def test_an_atr_of_double_density_is_read_in_halves(serve, images, tmp_path):
    """Sector 4 and all after it are two of ours each, behind the three short ones."""
    boot, rest = make_image(tmp_path / "boot", 3 * 128, 1), make_image(tmp_path / "rest", 717 * 256, 2)
    path = images / "dd.atr"
    path.write_bytes(atr(boot + rest, 256))
    server = serve(images)
    assert connect_error(server, "dd.atr", 1) == BAD_FLAGS
    with server.peer() as peer:
        session = peer.open("dd.atr", 0)
        assert session.read(2) == boot[256:]
        assert session.read(3 + 2 * (720 - 4)) + session.read(4 + 2 * (720 - 4)) == rest[716 * 256:]
        session.discon()
    check_volume(server, path, "dd.atr", boot + rest, 16, 0)


def test_a_damaged_header_is_an_error_and_not_listed(serve, images, blockhead):
    (images / "cut.atr").write_bytes(atr(bytes(92160), 128)[:-1])
    (images / "none.2mg").write_bytes(bytes(143360))
    (images / "good.atr").write_bytes(atr(bytes(92160), 128))
    server = serve(images)
    for name, sentence in [("cut.atr", "92160 bytes from byte 16 on, but there are 92175"),
                           ("none.2mg", "no 2MG header; 'format = raw'")]:
        for flags in (1, READ_ONLY | 1, LOOK | 1):
            assert connect_error(server, name.upper(), flags) == STORAGE
        server.wait_for_log(sentence)
    listed = blockhead("ls", server.name).stdout.decode()
    assert "good.atr" in listed and "92160" in listed and "cut.atr" not in listed and "none.2mg" not in listed


def test_the_configuration_says_otherwise(serve, images):
    (images / "a.atr").write_bytes(atr(bytes(92160), 128))
    (images / "plain").write_bytes(atr(bytes(92160), 128))
    server = serve(config=f"[volume raw]\npath = {images}/a.atr\nformat = raw\n"
                          f"[volume offset]\npath = {images}/a.atr\noffset = 4\n"
                          f"[volume plain]\npath = {images}/plain\nformat = atr\n"
                          f"[volume wrong]\npath = {images}/plain\nformat = vdk\n"
                          f"[server]\nserve = {images}\n")
    with server.peer() as peer:
        for name, length in [("raw", 92176), ("offset", 92172), ("plain", 92160), ("a.atr", 92160)]:
            assert peer.open(name, LOOK).identify().count == -(-length // 128)
    assert connect_error(server, "wrong") == STORAGE
    server.wait_for_log("wrong.*no VDK header")


def test_a_server_of_raw_images(serve, images):
    (images / "a.atr").write_bytes(atr(bytes(92160), 128))
    server = serve(config=f"[server]\nformat = raw\nserve = {images}\n")
    with server.peer() as peer:
        assert peer.open("a.atr", 0).read(0)[:2] == b"\x96\x02"


# Partitions

@pytest.fixture
def disk(images):
    """The path of a disk as sfdisk makes it, random, and what #N is: first byte and length."""
    if not shutil.which("sfdisk"):
        pytest.skip("sfdisk is not installed")
    path = images / "hd.img"
    make_image(path, 24 << 20, 1)
    run("sfdisk", "-q", path, text="label: dos\n1: size=4M, type=6\n2: size=2M, type=83\n3: size=16M, type=5\n"
                                   "5: size=3M, type=83\n6: size=1M, type=6\n7: size=2M, type=83\n")
    table = json.loads(run("sfdisk", "--json", path))["partitiontable"]["partitions"]
    parts = {int(part["node"].removeprefix(str(path))): (part["start"] * 512, part["size"] * 512) for part in table}
    assert sorted(parts) == [1, 2, 3, 5, 6, 7]
    del parts[3]
    return path, parts


def test_partitions_of_sfdisk(serve, images, disk):
    path, parts = disk
    server = serve(images)
    for number, (first, length) in parts.items():
        check_volume(server, path, f"HD.IMG#{number}", path.read_bytes()[first:first + length], first)
    for number in (0, 3, 4, 8, 99):
        assert connect_error(server, f"hd.img#{number}") == NO_IMAGE
    server.wait_for_log("those within it are #5 and up")


def test_every_name_of_a_partition(serve, images, disk):
    path, parts = disk
    server = serve(f"{path}#2", config=f"[volume boot]\npath = {path}#1\n[volume whole]\npath = {path}\n"
                                       f"[server]\nserve = {images}\ndefault = whole#1\n")
    content = path.read_bytes()
    with server.peer() as peer:
        listing = peer.open(":list", READ_ONLY | 3).read(0).decode().splitlines()
        number = next(int(line[:5]) for line in listing if line[6:46].rstrip() == "whole")
        for name, part in [("boot", 1), ("whole#5", 5), (f":{number}#7", 7), ("", 1), ("hd.img#2", 2), ("hd.img#1", 1)]:
            first = parts[part][0]
            assert peer.open(name, LOOK | 1).read(1) == content[first + 256:first + 512]
    assert connect_error(server, "boot#1") == NO_IMAGE


def test_who_has_a_part_keeps_others_from_it_alone(serve, images, disk):
    server = serve(images)
    with server.peer() as one, server.peer() as two, server.peer() as three:
        first = one.open("hd.img#1")
        logical = two.open("hd.img#6")
        assert error_of(three.open, "hd.img") == IN_USE
        assert error_of(three.open, "HD.IMG#1") == IN_USE
        assert error_of(three.open, "hd.img#6", READ_ONLY | 1) == IN_USE
        second = three.open("hd.img#2")
        for session in (first, second, logical):
            session.write(0, b"x" * 256)
            assert session.discon() == OK
        whole = three.open("hd.img")
        assert error_of(one.open, "hd.img#1") == IN_USE
        whole.discon()


def test_a_session_on_a_partition_outlives_the_server(serve, disk, tmp_path):
    path, parts = disk
    state = tmp_path / "state"
    server = serve("-s", state, path.parent)
    port = server.address[1]
    with server.peer() as peer:
        session = peer.open("hd.img#5")
        session.write(3, b"before" + bytes(250))
        server.kill()
        server.end = lambda: None
        serve("-s", state, path.parent, listen=(f"udp:127.0.0.1:{port}",))
        session.write(4, b"after" + bytes(251))
        assert session.read(3)[:6] == b"before"
        assert session.discon() == OK
    at = parts[5][0] + 3 * 256
    assert path.read_bytes()[at:at + 261] == b"before" + bytes(250) + b"after"


@needs("mkfs.fat", "fsck.fat", "mcopy")
def test_a_fat_partition_filled_through_the_server(serve, disk, blockhead, tmp_path):
    path, parts = disk
    first, length = parts[1]
    fat = tmp_path / "fat.img"
    fat.write_bytes(bytes(length))
    run("mkfs.fat", fat)
    (tmp_path / "hello.txt").write_text("hello")
    run("mcopy", "-i", fat, tmp_path / "hello.txt", "::")
    before = path.read_bytes()
    blockhead("put", "-q", fat, serve(path.parent).url("hd.img#1"))
    after = path.read_bytes()
    assert after[:first] == before[:first] and after[first + length:] == before[first + length:]
    run("mcopy", "-i", f"{path}@@{first}", "::hello.txt", tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_text() == "hello"


def test_a_table_that_lies(serve, images, disk):
    path, _ = disk
    table = bytearray(path.read_bytes()[:512])
    table[446 + 12:446 + 16] = b"\xff\xff\xff\xff"
    with open(path, "r+b") as file:
        file.write(table)
    make_image(images / "plain.img", 4096)
    server = serve(images)
    assert connect_error(server, "hd.img#1") == STORAGE
    server.wait_for_log("hd.img#1.*partition 1 is said to have")
    assert connect_error(server, "hd.img#2") == OK
    assert connect_error(server, "plain.img#1") == NO_IMAGE
    server.wait_for_log("plain.img#1.*no partition table")


def qemu_that_reads(path):
    """A qemu-io that has the image open; the server may take a moment to let go of it."""
    due = time.monotonic() + 10
    while True:
        qemu = subprocess.Popen(["qemu-io", "-f", "raw", str(path)], text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        with contextlib.suppress(BrokenPipeError):
            qemu.stdin.write("read 0 512\n")
            qemu.stdin.flush()
        if any("read 512/512" in line for line in iter(qemu.stdout.readline, "")):
            return qemu
        qemu.communicate(timeout=10)
        assert time.monotonic() < due, "qemu-io never got the image"


@needs("qemu-io")
@pytest.mark.parametrize("name", ["hd.img", "hd.img#1", "hd.img#6", "late"])
def test_qemu_and_whoever_has_a_part_keep_each_other_out(serve, images, disk, name):
    path, _ = disk
    server = serve(config=f"[server]\nserve = {images}\n[volume late]\npath = {path}\noffset = 1M\n")
    write = ["qemu-io", "-f", "raw", "-c", "write 0 512", str(path)]
    for flags in (1, READ_ONLY | 1):
        with server.peer() as peer:
            session = peer.open(name, flags)
            assert subprocess.run(write, capture_output=True).returncode != 0
            assert session.discon() == OK
    with server.peer() as peer, qemu_that_reads(path) as qemu:
        for flags in (1, READ_ONLY | 1):
            assert error_of(peer.open, name, flags) == IN_USE
        server.wait_for_log(f"{name}.*process {qemu.pid} .qemu-io. has the file locked")
        assert peer.open(name, LOOK | 1).read(0)
        qemu.stdin.close()
