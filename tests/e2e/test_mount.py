# SPDX-License-Identifier: MIT
"""blockhead mount: a volume as a file, as mkfs, fsck, mtools and plain programs meet it."""
import contextlib
import errno
import hashlib
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import BUILD, SANITIZER, make_image, wait_until
from faults import Faults
from plugin import path_to  # noqa: F401
from test_control import Control
from test_restart import Place
from test_slots import put

COMMAND = BUILD / "blockhead"
MIB = 1 << 20
SIZE = 8 * MIB
LONG = os.environ.get("BH_LONG") == "1"  # as `make interop` sets it
RESTARTS = 20 if LONG else 4
LIFE_S = 200  # of a mount: a test must not wait for one for ever, and a process that waits cannot be interrupted


def why_not():
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there, or not for this user"
    if os.getuid() != 0 and not shutil.which("fusermount3"):
        return "fusermount3 is not installed (package fuse3)"
    done = subprocess.run([COMMAND, "mount", "127.0.0.1:1/x", "/nowhere"], capture_output=True, text=True, timeout=20)
    return "blockhead was built without libfuse3" if "without libfuse3" in done.stderr else None


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def needs(*programs):
    missing = [program for program in programs if not shutil.which(program, path=os.environ["PATH"] + ":/sbin:/usr/sbin")]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


class Mount:
    """`blockhead mount -f URL DIR` while it runs."""

    def __init__(self, directory, url, *options):
        self.directory, self.log_path = directory, directory.with_suffix(".log")
        directory.mkdir(exist_ok=True)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([COMMAND, "mount", "-f", *map(str, options), url, directory], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.timer = threading.Timer(LIFE_S, self.process.kill)
        self.timer.daemon = True
        self.timer.start()
        wait_until(lambda: self.is_mounted() or self.process.poll() is not None, 30)
        if self.process.poll() is not None and re.search("not permitted|Permission denied", self.log()):
            pytest.skip(f"FUSE file systems cannot be mounted here: {self.log()}")
        assert self.process.poll() is None, self.log()

    @property
    def image(self):
        return self.directory / "image"

    def is_mounted(self):
        with open("/proc/self/mounts") as mounts:
            return any(line.split()[1] == str(self.directory) for line in mounts)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def over(self, code=0):
        """It ends by itself, with this exit code."""
        assert self.process.wait(60) == code, self.log()
        self.timer.cancel()
        assert not SANITIZER.search(self.log()), self.log()
        assert not self.is_mounted()
        return self.log()

    def end(self, code=0, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.over(code)


@pytest.fixture
def mount(tmp_path):
    """mount(URL, OPTION...): one that ends with the test."""
    started = []

    def start(url, *options):
        started.append(Mount(tmp_path / f"mount{len(started)}", url, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(10)
        if one.is_mounted():
            subprocess.run(["umount", "-l", one.directory], capture_output=True, timeout=30)
        one.timer.cancel()


@pytest.fixture
def server(serve, images):
    make_image(images / "a.img", SIZE, seed=1)
    return serve(images)


def run(*command, code=0, **options):
    options.setdefault("timeout", 100)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=os.environ | {"PATH": os.environ["PATH"] + ":/sbin:/usr/sbin", "MTOOLS_SKIP_CHECK": "1"},
                          **options)
    assert code is None or done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@contextlib.contextmanager
def opened(path, flags=os.O_RDWR):
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        try:
            os.close(fd)
        except OSError as error:
            assert error.errno in (errno.ENOTCONN, errno.ESTALE)  # the mount is over


def error_of(call, *arguments):
    """The errno that it fails with, or 0."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


# The file

def test_the_volume_is_a_file(server, images, mount):
    one = mount(server.url("a.img"))
    assert os.listdir(one.directory) == ["image"]
    stat = one.image.stat()
    assert (stat.st_size, stat.st_uid, stat.st_mode & 0o7777) == (SIZE, os.getuid(), 0o666 & ~umask())
    assert abs(stat.st_mtime - time.time()) < 100
    assert one.image.read_bytes() == (images / "a.img").read_bytes()
    assert one.end() == ""


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("size", [1000, 128, 5000, 3 * 4096 + 512])
def test_its_length_is_the_images(serve, images, mount, size):
    data = make_image(images / "b.img", size, seed=2)
    one = mount(serve(images).url("b.img"))
    assert one.image.read_bytes() == data
    with opened(one.image) as fd:
        assert os.pwrite(fd, b"end!", size - 2) == 2
        assert error_of(os.pwrite, fd, b"x", size) == errno.ENOSPC
    one.end()
    assert (images / "b.img").read_bytes() == data[:-2] + b"en"


@pytest.mark.parametrize("sector", [128, 256, 1024, 2048])
def test_a_volume_of_one_sector_length(serve, images, mount, sector):
    data = make_image(images / "b.img", 100000, seed=2)
    server = serve(config=f"[server]\nserve = {images}\n[volume v]\npath = {images}/b.img\nsector = {sector}\n")
    one = mount(server.url("v"))
    assert one.image.read_bytes() == data
    with opened(one.image) as fd:
        os.pwrite(fd, b"hello", 300)
    one.end()
    assert (images / "b.img").read_bytes() == data[:300] + b"hello" + data[305:]


def test_a_shared_volume_takes_whole_sectors(serve, images, mount):
    make_image(images / "a.img", SIZE, seed=1)
    server = serve(config=f"[server]\nserve = {images}\n[volume v]\npath = {images}/a.img\nmode = shared\n")
    one, two = mount(server.url("v"), "-s", 512), mount(server.url("v"), "-s", 512)
    with opened(one.image) as fd, opened(two.image) as other:
        for turn in range(3):
            os.pwrite(fd, bytes([turn]) * 512, 1024)
            assert os.pread(other, 512, 1024) == bytes([turn]) * 512
        assert error_of(os.pwrite, fd, b"x" * 511, 1024) == errno.EINVAL
        assert error_of(os.pwrite, fd, b"x" * 512, 1025) == errno.EINVAL
    before = two.image.read_bytes()
    for option, at, length in (("-p", 1000, 2000), ("-p", 512, 513), ("-zn", 511, 513)):
        assert "Invalid argument" in run("fallocate", option, "-o", at, "-l", length, one.image, code=1)
    assert two.image.read_bytes() == before
    run("fallocate", "-p", "-o", 1024, "-l", 512, one.image)
    assert two.image.read_bytes() == before[:1024] + bytes(512) + before[1536:]
    one.end()
    two.end()


def test_a_scratch_volume_forgets(serve, images, mount, tmp_path):
    data = make_image(images / "a.img", SIZE, seed=1)
    server = serve(config=f"[server]\nserve = {images}\nstate = {tmp_path / 'state'}\n"
                   f"[volume v]\npath = {images}/a.img\nmode = scratch\n")
    one = mount(server.url("v"))
    with opened(one.image) as fd:
        os.pwrite(fd, b"hello", 300)
        assert os.pread(fd, 5, 300) == b"hello"
    assert "gone when it is unmounted" in one.end()
    assert (images / "a.img").read_bytes() == data


def test_bytes_are_read_and_written_as_they_come(server, images, mount):
    chance, data = random.Random(3), bytearray((images / "a.img").read_bytes())
    one = mount(server.url("a.img"))
    with opened(one.image) as fd, opened(one.image) as other:
        for _ in range(200):
            at = chance.randrange(SIZE - 9000)
            new = chance.randbytes(chance.choice((1, 3, 511, 512, 513, 4096, 8999)))
            assert os.pwrite(fd, new, at) == len(new)
            data[at:at + len(new)] = new
            at = chance.randrange(SIZE - 9000)
            assert os.pread(other, 5000, at) == data[at:at + 5000]
    assert one.image.read_bytes() == data
    one.end()
    assert (images / "a.img").read_bytes() == data


def test_past_the_kernels_cache(server, images, mount):
    one = mount(server.url("a.img"))
    buffer = mmap.mmap(-1, 2 * MIB)
    with opened(one.image, os.O_RDWR | os.O_DIRECT) as fd:
        assert os.preadv(fd, [buffer], MIB) == 2 * MIB
        assert buffer[:] == (images / "a.img").read_bytes()[MIB:3 * MIB]
        assert os.pwritev(fd, [buffer], 4 * MIB) == 2 * MIB
    assert (images / "a.img").read_bytes()[4 * MIB:6 * MIB] == buffer[:]
    with opened(one.image) as fd, mmap.mmap(fd, SIZE) as mapped:
        mapped[7 * MIB:7 * MIB + 5] = b"hello"
    one.end()
    assert (images / "a.img").read_bytes()[7 * MIB:7 * MIB + 5] == b"hello"


def test_its_length_stays(server, mount):
    one = mount(server.url("a.img"))
    os.truncate(one.image, SIZE)
    for length in (0, SIZE - 1, SIZE + 1):
        assert error_of(os.truncate, one.image, length) == errno.EPERM
    assert error_of(os.open, one.image, os.O_RDWR | os.O_TRUNC) == errno.EPERM
    assert one.image.stat().st_size == SIZE


def test_nothing_is_made_or_removed_beside_it(server, mount):
    one = mount(server.url("a.img"))
    for call, *arguments in ((os.open, one.directory / "x", os.O_CREAT), (os.mkdir, one.directory / "x"),
                             (os.unlink, one.image), (os.rename, one.image, one.directory / "x"),
                             (os.chmod, one.image, 0o600), (os.mknod, one.directory / "x")):
        assert error_of(call, *arguments) == errno.EPERM
    assert error_of(os.stat, one.directory / "p1") == errno.ENOENT
    os.utime(one.image, (1, 2))
    assert one.image.stat().st_mtime == 2


def test_holes_are_punched_and_ranges_zeroed(server, images, mount):
    data = bytearray((images / "a.img").read_bytes())
    one = mount(server.url("a.img"))
    for option, at, length in (("-p", 1000, 100000), ("-z", 300001, 8192), ("-p", 5, 7), ("-p", SIZE - 5000, 9000),
                               ("-z", 409600, 4096)):
        assert one.image.read_bytes() == data
        run("fallocate", option, *(["-n"] if option == "-z" else []), "-o", at, "-l", length, one.image)
        data[at:at + length] = bytes(len(data[at:at + length]))
    run("fallocate", "-l", 4096, one.image, code=1)
    assert one.image.read_bytes() == data
    one.end()
    assert (images / "a.img").read_bytes() == data


# Rights

def test_read_only_is_erofs(server, images, mount):
    one = mount(server.url("a.img"), "-r")
    other = mount(server.url("a.img"), "-o", "ro")  # readers do not mind each other
    for reader in (one, other):
        assert error_of(os.open, reader.image, os.O_RDWR) == errno.EROFS
        assert error_of(os.truncate, reader.image, 0) == errno.EROFS
        assert reader.image.read_bytes() == (images / "a.img").read_bytes()
        assert reader.image.stat().st_mode & 0o222 == 0
    one.end()
    other.end()


def test_a_read_only_volume_is_erofs(serve, images, mount):
    make_image(images / "a.img", SIZE, seed=1)
    server = serve(config=f"[server]\nserve = {images}\n[volume a.img]\npath = {images}/a.img\nmode = read-only\n")
    one = mount(server.url("a.img"))
    assert error_of(os.open, one.image, os.O_RDWR) == errno.EROFS
    one.end()


def test_two_openers_see_one_file(server, mount):
    one = mount(server.url("a.img"))
    with opened(one.image) as first, opened(one.image) as second:
        os.pwrite(first, b"first", 100)
        assert os.pread(second, 5, 100) == b"first"
        os.pwrite(second, b"again", 102)
        assert os.pread(first, 7, 100) == b"fiagain"
    one.end()


def refused(*arguments):
    done = subprocess.run([COMMAND, "mount", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done
    return done.stderr


def test_a_busy_volume_is_said(server, mount, tmp_path):
    mount(server.url("a.img"))
    assert "it is in use; wait until it is free" in refused(server.url("a.img"), tmp_path)
    assert "somebody is writing it" in refused("-r", server.url("a.img"), tmp_path)
    look = mount(server.url("a.img"), "--look")
    assert error_of(os.open, look.image, os.O_RDWR) == errno.EROFS


def test_a_look_sees_what_another_writes(server, mount):
    one, look = mount(server.url("a.img")), mount(server.url("a.img"), "--look")
    with opened(one.image) as fd, opened(look.image, os.O_RDONLY) as other:
        for turn in range(3):
            os.pwrite(fd, bytes([turn]) * 100, 70)
            assert os.pread(other, 100, 70) == bytes([turn]) * 100


def test_what_cannot_be_mounted_is_said(server, tmp_path):
    (tmp_path / "file").write_text("")
    assert "no such image" in refused(server.url("nope"), tmp_path)
    assert "it is no directory" in refused(server.url("a.img"), tmp_path / "file")
    assert "No such file" in refused(server.url("a.img"), tmp_path / "none")
    assert "unknown option" in refused("-o", "nonsense", server.url("a.img"), tmp_path)


# The background

def test_it_goes_to_the_background_when_it_works(server, images, tmp_path):
    place = tmp_path / "there"
    place.mkdir()
    run(COMMAND, "mount", server.url("a.img"), place)
    try:
        assert (place / "image").read_bytes() == (images / "a.img").read_bytes()
    finally:
        run("fusermount3", "-u", place)
    wait_until(lambda: not refusal_of_put(server, images), 20)


def refusal_of_put(server, images):
    """Whether the mount still holds the volume, a moment after it was unmounted."""
    done = subprocess.run([COMMAND, "put", "-q", images / "a.img", server.url("a.img")], capture_output=True, timeout=60)
    return done.returncode


AS_A_USER = """
set -e
mount -t tmpfs none $2; mknod -m 666 $2/fuse c 10 229; mount --bind $2/fuse /dev/fuse; umount -l $2
mkdir -m 777 $2/mnt
user="setpriv --reuid 65534 --regid 65534 --clear-groups"
for end in "fusermount3 -u $2/mnt" 'kill $pid'; do
    $user $0 mount -f $1 $2/mnt & pid=$!
    timeout 20 sh -c "until $user test -e $2/mnt/image; do sleep 0.05; done"
    $user dd status=none conv=notrunc,fsync if=/proc/sys/kernel/hostname of=$2/mnt/image
    ! ls $2/mnt 2> /dev/null
    eval "$user $end"
    wait $pid
    ! $user test -e $2/mnt/image
done
"""


@pytest.mark.skipif(os.getuid() != 0, reason="all other tests do not run as root")
@needs("fusermount3", "setpriv", "unshare")
def test_a_user_may(server, images, tmp_path_factory):
    """In a namespace of mounts where /dev/fuse is for everybody, as on most systems."""
    place = tmp_path_factory.mktemp("user")
    for parent in [place, *place.parents][:3]:
        parent.chmod(0o755)
    shutil.copy(COMMAND, place)
    run("unshare", "-m", "sh", "-c", AS_A_USER, place / "blockhead", server.url("a.img"), place, timeout=60)
    name = pathlib.Path("/proc/sys/kernel/hostname").read_bytes()
    assert (images / "a.img").read_bytes()[:len(name)] == name


@pytest.mark.skipif(os.getuid() != 0, reason="only root is two users")
@needs("setpriv")
def test_others_are_let_in_as_the_umask_says(server, mount):
    one = mount(server.url("a.img"), "-o", "allow_other")
    for parent in one.directory.parents[:3]:
        parent.chmod(0o755)
    nobody = "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"
    run(*nobody, "cmp", "-n", 100, one.image, one.image)
    assert "Permission denied" in run(*nobody, "dd", f"of={one.image}", "conv=notrunc", code=1)


@needs("fusermount3")
def test_it_is_unmounted_from_outside(server, images, mount):
    one = mount(server.url("a.img"))
    with opened(one.image) as fd:
        os.pwrite(fd, b"last", 0)
    run("fusermount3", "-u", one.directory)
    assert one.over() == ""
    assert (images / "a.img").read_bytes()[:4] == b"last"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts_though_a_file_is_open(server, images, mount, number):
    one = mount(server.url("a.img"))
    with opened(one.image) as fd:
        os.pwrite(fd, b"kept", 512)
        assert one.end(number=number) == ""
        assert error_of(os.pwrite, fd, b"lost", 512) != 0
    assert (images / "a.img").read_bytes()[512:516] == b"kept"
    assert os.listdir(one.directory) == []


def test_a_signal_during_writes_loses_nothing_that_was_synced(server, images, mount):
    one, written = mount(server.url("a.img")), []

    def write():
        with contextlib.suppress(OSError), opened(one.image) as fd:
            for turn in range(1, 1 << 30):
                os.pwrite(fd, turn.to_bytes(4, "big") * 4096, turn % 64 * 65536)
                os.fsync(fd)
                written.append(turn)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(written) > 20)
    one.end()
    writer.join(60)
    assert not writer.is_alive()
    data = (images / "a.img").read_bytes()
    for turn in written[-64:]:
        found = int.from_bytes(data[turn % 64 * 65536:][:4], "big")
        assert found == turn or found > written[-1]


def test_a_mount_that_is_killed_leaves_a_prefix_of_the_writes(serve, images, mount):
    """Without an fsync: the kernel keeps nothing back, and brings nothing out of order."""
    make_image(images / "a.img", SIZE)
    one, count = mount(serve(images).url("a.img")), 0
    killer = threading.Timer(0.3, one.process.kill)
    with contextlib.suppress(OSError), opened(one.image) as fd:
        killer.start()
        while count < SIZE // 4096:
            os.pwrite(fd, b"x" * 4096, count * 4096)
            count += 1
    killer.join()
    one.process.wait(10)
    run("umount", "-l", one.directory)
    data = (images / "a.img").read_bytes()
    assert data.rstrip(b"\0") in (b"x" * (count * 4096), b"x" * ((count + 1) * 4096))


def test_what_is_mapped_is_written_back_at_the_end(server, images, mount):
    one = mount(server.url("a.img"))
    with opened(one.image) as fd, mmap.mmap(fd, SIZE) as mapped:
        mapped[5 * MIB:5 * MIB + 5] = b"hello"
        one.end()
        assert (images / "a.img").read_bytes()[5 * MIB:5 * MIB + 5] == b"hello"


# Partitions

def make_partitions(path):
    """Two primaries and a logical one, by sfdisk."""
    subprocess.run(["/sbin/sfdisk", "-q", path], text=True, timeout=60, check=True, input="label: dos\n"
                   "start=64, size=4096, type=c\nstart=4160, size=2048, type=83\nstart=6208, type=5\n"
                   "start=6272, size=1024, type=83\n")


EXTENTS = {"p1": (64 * 512, 4096 * 512), "p2": (4160 * 512, 2048 * 512), "p5": (6272 * 512, 1024 * 512)}


@needs("sfdisk")
def test_partitions_are_files(server, images, mount):
    make_partitions(images / "a.img")
    data = (images / "a.img").read_bytes()
    one = mount(server.url("a.img"))
    assert sorted(os.listdir(one.directory)) == ["image", "p1", "p2", "p5"]
    for name, (first, length) in EXTENTS.items():
        assert (one.directory / name).read_bytes() == data[first:first + length]
    with opened(one.directory / "p2") as fd:
        assert os.pwrite(fd, b"xyz", 2048 * 512 - 2) == 2
        assert error_of(os.pwrite, fd, b"x", 2048 * 512) == errno.ENOSPC
    assert one.image.read_bytes()[6208 * 512 - 2:][:4] == b"xy" + data[6208 * 512:][:2]
    one.end()


@needs("sfdisk", "mkfs.fat", "mcopy")
def test_partitions_come_and_go_with_the_table(server, mount, tmp_path):
    one = mount(server.url("a.img"))
    make_partitions(one.image)
    assert sorted(os.listdir(one.directory)) == ["image", "p1", "p2", "p5"]
    (tmp_path / "hello").write_text("hello")
    run("mkfs.fat", one.directory / "p1")
    run("mcopy", "-i", one.directory / "p1", tmp_path / "hello", "::")
    assert "HELLO" in run("mdir", "-i", f"{one.image}@@32K", "::").upper()
    with opened(one.directory / "p1") as fd:  # an open partition stays where it is
        with opened(one.image) as whole:
            os.pwrite(whole, bytes(512), 0)
        assert sorted(os.listdir(one.directory)) == ["image", "p1"]
        assert os.pread(fd, 2, 510) == b"\x55\xaa"
    wait_until(lambda: os.listdir(one.directory) == ["image"])
    one.end()


# File systems

def make_tree(place):
    chance = random.Random(5)
    for number in range(60):
        path = place / f"d{number % 7}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice((0, 1, 511, 4096, 30000, 90000))))


def contents(place):
    return {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@needs("mkfs.ext4", "fsck.ext4", "debugfs")
def test_ext4_with_a_tree_of_files(serve, images, mount, tmp_path):
    make_image(images / "e.img", 32 * MIB)
    server = serve(images)
    make_tree(tmp_path / "tree")
    one = mount(server.url("e.img"))
    run("mkfs.ext4", "-q", "-d", tmp_path / "tree", one.image)
    run("fsck.ext4", "-fn", one.image)
    one.end()
    again = mount(server.url("e.img"), "-r")
    run("fsck.ext4", "-fn", again.image)
    (tmp_path / "back").mkdir()
    run("debugfs", "-R", f"rdump / {tmp_path / 'back'}", again.image)
    assert contents(tmp_path / "back") == contents(tmp_path / "tree")
    again.end()


@needs("mkfs.fat", "fsck.fat", "mcopy")
def test_fat_with_mtools(server, mount, tmp_path):
    make_tree(tmp_path / "tree")
    one = mount(server.url("a.img"))
    run("mkfs.fat", one.image)
    run("mcopy", "-s", "-i", one.image, *(tmp_path / "tree").iterdir(), "::")
    one.end()
    again = mount(server.url("a.img"))
    run("fsck.fat", "-n", again.image)
    (tmp_path / "back").mkdir()
    run("mcopy", "-s", "-n", "-i", again.image, "::*", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "tree")
    again.end()


# A server that restarts, refuses or goes away

@pytest.fixture
def place(serve, images, tmp_path):
    make_image(images / "a.img", SIZE, seed=1)
    return Place(serve, images, tmp_path / "state")


def url_of(place):
    return f"127.0.0.1:{place.port}/a.img"


def restart_during(place, stop, *command):
    """The server is killed and started again while a program runs, which ends when the file `stop` is there. A program,
    as a process that forks closes all that it has open in its child, and each close() waits for the server."""
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=os.environ | {"PATH": os.environ["PATH"] + ":/sbin:/usr/sbin", "MTOOLS_SKIP_CHECK": "1"}
                          ) as program:
        for _ in range(RESTARTS):
            time.sleep(0.1)
            place.again()
        stop.touch()
        out, err = program.communicate(timeout=150)
    assert program.returncode == 0, out + err
    return out


READS_AND_WRITES = """
import hashlib, os, random, sys
chance, fd = random.Random(7), os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
data = bytearray(os.pread(fd, size, 0))
while not os.path.exists(sys.argv[2]):
    at, new = chance.randrange(size - 20000), chance.randbytes(chance.choice((100, 512, 20000)))
    assert os.pwrite(fd, new, at) == len(new)
    data[at:at + len(new)] = new
    at = chance.randrange(size - 20000)
    assert os.pread(fd, 20000, at) == data[at:at + 20000]
os.fsync(fd)
print(hashlib.sha256(data).hexdigest())
"""


def test_programs_do_not_notice_restarts(place, images, mount, tmp_path):
    place.start()
    one, stop = mount(url_of(place)), tmp_path / "stop"
    digest = restart_during(place, stop, sys.executable, "-c", READS_AND_WRITES, one.image, stop)
    assert one.end() == ""
    assert hashlib.sha256((images / "a.img").read_bytes()).hexdigest() == digest.strip()


# Until the file $2 is there; sh -e ends at the first failure.
EXT4_AGAIN_AND_AGAIN = """
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    mkfs.ext4 -F -q -d "$1" "$0"
    fsck.ext4 -fn "$0"
    [ ! -e "$2" ] || exit 0
done
"""
FAT_AGAIN_AND_AGAIN = """
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    mkfs.fat "$0"
    mcopy -s -i "$0" "$1"/* ::
    fsck.fat -n "$0"
    [ ! -e "$2" ] || exit 0
done
"""


@needs("mkfs.ext4", "fsck.ext4", "debugfs")
def test_ext4_under_restarts(place, images, mount, tmp_path):
    make_image(images / "a.img", 32 * MIB)
    place.start()
    make_tree(tmp_path / "tree")
    one, stop = mount(url_of(place)), tmp_path / "stop"
    restart_during(place, stop, "sh", "-ec", EXT4_AGAIN_AND_AGAIN, one.image, tmp_path / "tree", stop)
    one.end()
    run("fsck.ext4", "-fn", images / "a.img")
    (tmp_path / "back").mkdir()
    run("debugfs", "-R", f"rdump / {tmp_path / 'back'}", images / "a.img")
    assert contents(tmp_path / "back") == contents(tmp_path / "tree")


@needs("mkfs.fat", "fsck.fat", "mcopy")
def test_fat_under_restarts(place, images, mount, tmp_path):
    place.start()
    make_tree(tmp_path / "tree")
    one, stop = mount(url_of(place)), tmp_path / "stop"
    restart_during(place, stop, "sh", "-ec", FAT_AGAIN_AND_AGAIN, one.image, tmp_path / "tree", stop)
    one.end()
    (tmp_path / "back").mkdir()
    run("mcopy", "-s", "-n", "-i", images / "a.img", "::*", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "tree")


@needs("mkfs.ext4", "fsck.ext4", "losetup")
@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts loop devices")
def test_the_kernel_mounts_it(place, images, mount, tmp_path):
    """By a loop device, with a restart of the server, and space given back in the end."""
    make_image(images / "a.img", 32 * MIB)
    place.start()
    make_tree(tmp_path / "tree")
    one, at = mount(url_of(place)), tmp_path / "at"
    at.mkdir()
    run("mkfs.ext4", "-q", one.image)
    if "failed to setup loop device" in (out := run("mount", "-o", "loop", one.image, at, code=None)):
        pytest.skip(out)
    try:
        shutil.copytree(tmp_path / "tree", at / "tree")
        place.again()
        run("sync", "-f", at)
        assert contents(at / "tree") == contents(tmp_path / "tree")
        before = (images / "a.img").stat().st_blocks
        shutil.rmtree(at / "tree")
        run("sync", "-f", at)
        run("fstrim", at)
        assert (images / "a.img").stat().st_blocks < before
    finally:
        run("umount", at)
    run("fsck.ext4", "-fn", one.image)
    one.end()


def test_over_a_path_that_loses(server, images, mount, path_to):
    chance, data = random.Random(11), bytearray((images / "a.img").read_bytes())
    one = mount(f"{path_to(server, '--drop', 3, '--double', 3, '--reorder', 5)}/a.img")
    with opened(one.image) as fd:
        for _ in range(30):
            at = chance.randrange(SIZE - 70000)
            new = chance.randbytes(chance.choice((100, 4096, 70000)))
            assert os.pwrite(fd, new, at) == len(new)
            data[at:at + len(new)] = new
    assert one.image.read_bytes() == data
    one.end()
    assert (images / "a.img").read_bytes() == data


def test_a_server_that_went_away_is_an_error_and_no_end(place, images, mount):
    place.start()
    one = mount(url_of(place), "--timeout", "0.5")
    with opened(one.image) as fd:
        place.kill()
        assert error_of(os.pwrite, fd, b"x" * 512, 0) in (errno.ETIMEDOUT, errno.ECONNREFUSED)
        place.start()
        wait_until(lambda: error_of(os.pwrite, fd, b"y" * 512, 0) == 0)
        os.fsync(fd)
        assert (images / "a.img").read_bytes()[:512] == b"y" * 512
    log = one.end()
    assert len(log.splitlines()) <= 3 and "nobody listens" in log


def test_what_was_not_flushed_at_the_end_is_said(place, mount):
    place.start()
    one = mount(url_of(place), "--timeout", "0.5")
    with opened(one.image) as fd:
        os.pwrite(fd, b"x" * 512, 0)
        place.kill()
        log = one.end(code=2)
    assert "may not be on the server's disk" in log


def test_a_session_that_is_lost_ends_the_mount(place, images, mount):
    """The image is changed while the server is down, so that it does not take the session for its own."""
    place.start()
    one = mount(url_of(place), "--timeout", "1")
    with opened(one.image) as fd:
        os.pwrite(fd, b"x" * 512, 0)
        os.pread(fd, 4096, 0)
        place.kill()
        shutil.rmtree(place.state)
        (images / "a.img").write_bytes(bytes(SIZE))
        place.start()
        with place.peer() as peer:
            peer.open("a.img").discon()
        assert os.pread(fd, 4, 0) == b"xxxx"  # the kernel has it still
        assert error_of(os.pwrite, fd, b"y" * 512, 4096) == errno.ESTALE
        wait_until(lambda: error_of(os.pread, fd, 4, 0) == errno.ESTALE)
        wait_until(lambda: not one.is_mounted())
        assert error_of(os.pwrite, fd, b"z" * 512, 8192) == errno.ESTALE
        assert error_of(os.fsync, fd) == errno.ESTALE
    assert one.over(code=2) != ""
    assert (images / "a.img").read_bytes() == bytes(SIZE)


def test_a_medium_that_is_swapped_ends_the_mount(serve, images, mount, tmp_path):
    path = tmp_path / "control"
    for name in ("a.img", "b.img"):
        make_image(images / name, SIZE)
    server = serve(config=f"[server]\nserve = {images}\ncontrol = {path}\nstate = {tmp_path / 'state'}\n"
                   "[slot drive0]\nimage = a.img\n")
    one = mount(server.url("drive0"))
    with opened(one.image) as fd:
        assert os.pread(fd, 512, 0) == bytes(512)
        put(path, "drive0", "b.img")
        assert error_of(os.pread, fd, 512, 0) == errno.ESTALE  # not from the kernel's cache
        assert error_of(os.pwrite, fd, b"x" * 512, 0) == errno.ESTALE
    assert "medium" in one.over(code=2)
    assert (images / "b.img").read_bytes() == bytes(SIZE)


def test_an_image_that_is_rolled_back_ends_the_mount(serve, images, mount, tmp_path):
    path, data = tmp_path / "control", make_image(images / "a.img", SIZE, seed=1)
    server = serve(config=f"[server]\nserve = {images}\ncontrol = {path}\nstate = {tmp_path / 'state'}\n")
    one = mount(server.url("a.img"))
    with opened(one.image) as fd, Control(path) as control:
        control.good("checkpoint", volume="a.img", label="old")
        os.pwrite(fd, b"x" * 4096, 0)
        assert os.pread(fd, 4096, 0) == b"x" * 4096
        control.good("rollback", volume="a.img", checkpoint="old")
        assert error_of(os.pwrite, fd, b"y" * 4096, 8192) == errno.ESTALE
        wait_until(lambda: error_of(os.pread, fd, 4096, 0) == errno.ESTALE)
    one.over(code=2)
    assert (images / "a.img").read_bytes() == data


def test_an_idle_mount_notices_that_its_medium_is_gone(serve, images, mount, tmp_path):
    path = tmp_path / "control"
    make_image(images / "a.img", SIZE)
    server = serve(config=f"[server]\nserve = {images}\ncontrol = {path}\nstate = {tmp_path / 'state'}\n"
                   "[slot drive0]\nimage = a.img\n")
    one = mount(server.url("drive0"))
    put(path, "drive0", None)
    one.over(code=2)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_errors_of_the_servers_disk_reach_the_program(serve, images, mount, tmp_path, number):
    make_image(images / "a.img", SIZE, seed=1)
    faults = Faults(tmp_path / "faults")
    with faults.loaded():
        server = serve(images)
    one = mount(server.url("a.img"))
    with opened(one.image) as fd:
        old = os.pread(fd, 8192, 0)
        faults.set("write", "error", number)
        assert error_of(os.pwrite, fd, b"x" * 8192, 0) == number
        assert os.pread(fd, 8192, 0) == old
        faults.clear()
        assert os.pwrite(fd, b"y" * 512, 0) == 512
        os.fsync(fd)
        assert os.pread(fd, 512, 0) == b"y" * 512
    assert len(one.end().splitlines()) == 1


def test_a_failed_sync_fails_fsync_and_the_end(serve, images, mount, tmp_path):
    make_image(images / "a.img", SIZE, seed=1)
    faults = Faults(tmp_path / "faults")
    with faults.loaded():
        server = serve(images)
    server.codes = (74,)
    one = mount(server.url("a.img"))
    fd = os.open(one.image, os.O_RDWR)
    os.pwrite(fd, b"x" * 512, 0)
    faults.set("sync", "error", errno.EIO)
    assert error_of(os.fsync, fd) == errno.EIO
    assert error_of(os.close, fd) == errno.EIO
    assert "may not be on the server's disk" in one.end(code=2)
