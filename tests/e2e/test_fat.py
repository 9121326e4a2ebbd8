# SPDX-License-Identifier: MIT
"""A FAT file system through the server: made and judged by mkfs.fat, fsck.fat and mtools, who know nothing of us."""
import os
import shutil
import subprocess

import pytest

from conftest import make_image

SIZE = 1440 << 10
FILES = {"README.TXT": 300, "ONE.BIN": 1, "BIG.BIN": 700_000, "EMPTY.BIN": 0, "SECTOR.BIN": 512}

os.environ["PATH"] += ":/usr/sbin:/sbin"
pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("mkfs.fat", "fsck.fat", "mcopy"))),
                                reason="dosfstools and mtools are not installed")


def run(*command):
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1")
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"


@pytest.fixture
def files(tmp_path):
    directory = tmp_path / "files"
    return {name: make_image(directory / name, size, size) for name, size in FILES.items()}


@pytest.fixture
def fat(tmp_path, files):
    """The path of a FAT image with the files in it."""
    path = tmp_path / "fat.img"
    path.write_bytes(bytes(SIZE))
    run("mkfs.fat", "-n", "BLOCKHEAD", path)
    run("mcopy", "-i", path, *((tmp_path / "files" / name) for name in files), "::")
    return path


def assert_sound(path, files, scratch):
    """fsck.fat finds nothing, and every file is what it was."""
    run("fsck.fat", "-n", path)
    scratch.mkdir()
    run("mcopy", "-i", path, "::*", scratch)
    assert {entry.name: entry.read_bytes() for entry in scratch.iterdir()} == files


def test_put_served_and_got(serve, images, fat, files, blockhead, tmp_path):
    make_image(images / "floppy.img", SIZE, 1)
    server = serve(images)
    blockhead("put", "-q", fat, server.url("floppy.img"))
    assert_sound(images / "floppy.img", files, tmp_path / "served")
    blockhead("get", "-q", server.url("FLOPPY.IMG", 128), tmp_path / "got.img")
    assert_sound(tmp_path / "got.img", files, tmp_path / "again")
    assert (tmp_path / "got.img").read_bytes() == fat.read_bytes()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_filled_sector_by_sector(serve, images, fat, files, tmp_path, n):
    make_image(images / "floppy.img", SIZE, 1)
    data = fat.read_bytes()
    server = serve(images)
    with server.peer() as peer:
        session = peer.open("FLOPPY.IMG", n)
        sectors = range(SIZE // session.sector)
        for lsn in sectors:
            session.write(lsn, data[lsn * session.sector:(lsn + 1) * session.sector])
        session.flush()
        assert_sound(images / "floppy.img", files, tmp_path / "served")
        (tmp_path / "read.img").write_bytes(b"".join(session.read(lsn) for lsn in sectors))
        assert session.discon() == 0
    assert_sound(tmp_path / "read.img", files, tmp_path / "read")


def test_changed_beside_the_server(serve, images, fat, files, blockhead, tmp_path):
    """mtools works on the served file; a client sees it, and what the client writes mtools sees."""
    shutil.copy(fat, images / "floppy.img")
    server = serve(images)
    extra = make_image(tmp_path / "EXTRA.BIN", 5000, 7)
    run("mcopy", "-i", images / "floppy.img", tmp_path / "EXTRA.BIN", "::")
    blockhead("get", "-q", server.url("floppy.img"), tmp_path / "got.img")
    assert_sound(tmp_path / "got.img", files | {"EXTRA.BIN": extra}, tmp_path / "with")
    run("mdel", "-i", tmp_path / "got.img", "::EXTRA.BIN")
    blockhead("put", "-q", tmp_path / "got.img", server.url("floppy.img"))
    assert_sound(images / "floppy.img", files, tmp_path / "without")
