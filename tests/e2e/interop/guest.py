# SPDX-License-Identifier: MIT
"""A Debian kernel in a guest of QEMU's, emulated: built from a package, with an initial file system of busybox,
nbd-client and the file systems' own checkers. guest.sh is what runs within.

What is put into the cache directory is made again when it is not there; the package is of `apt-get download`.
"""
import lzma
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

MODULES = ("virtio_pci", "virtio_net", "nbd", "crc32c_generic", "ext4", "vfat", "nls_cp437", "nls_ascii")
PROGRAMS = ("nbd-client", "e2fsck", "fsck.fat", "mke2fs")
HOST_PROGRAMS = (*PROGRAMS, "qemu-system-x86_64", "depmod", "modprobe", "dpkg", "apt-get", "debugfs", "mcopy")
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
INIT = pathlib.Path(__file__).with_name("guest.sh")
META = "linux-image-amd64"
TEXT_OFFSET, SETUP_SECTORS, PAYLOAD = 512, 0x1F1, 0x248
LIMIT_S = 240  # some ten are enough on an idle machine


def program(name):
    return shutil.which(name, path=PATH)


def call(*words, cwd=None, timeout=120):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def package_name():
    """The image that the meta package stands for."""
    found = re.search(r"Depends: (linux-image-\S+)", call("apt-cache", "depends", META))
    if not found:
        raise RuntimeError(f"apt knows no {META}")
    return found[1]


def unpacked(cache):
    """The directory of the unpacked kernel package."""
    tree = cache / "kernel"
    if not (tree / "boot").exists():
        cache.mkdir(parents=True, exist_ok=True)
        half = cache / "half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        call("apt-get", "download", package_name(), cwd=half)
        call("dpkg", "-x", next(half.glob("*.deb")), half / "tree")
        (half / "tree").rename(tree)
        shutil.rmtree(half)
    return tree


def vmlinux(image):
    """The kernel within a bzImage, which QEMU starts faster than one that unpacks itself. Its place is in the header of
    Linux's boot protocol (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length)."""
    data = image.read_bytes()
    start = ((data[SETUP_SECTORS] or 4) + 1) * TEXT_OFFSET
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    payload = data[start + offset:start + offset + length]
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(payload)


class Archive:
    """cpio's newc form, as the kernel takes it (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.parts, self.names = [], set()

    def add(self, name, mode, data=b""):
        fields = [len(self.parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self.parts += [head + bytes(-len(head) % 4), data + bytes(-len(data) % 4)]
        self.names.add(name)

    def add_directories(self, name):
        for parent in reversed(pathlib.PurePath(name).parents):
            if str(parent) not in (".", *self.names):
                self.add(str(parent), 0o40755)

    def add_file(self, name, data, mode=0o100755):
        if name not in self.names:
            self.add_directories(name)
            self.add(name, mode, data)

    def add_program(self, path):
        """With the libraries that it needs."""
        libraries = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=60, check=False).stdout
        for file in (path, *re.findall(r"(/\S+) \(0x", libraries)):
            self.add_file(file.lstrip("/"), pathlib.Path(file).read_bytes())

    def bytes(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def modules(tree):
    """Their files, each after those that it needs."""
    version = next((tree / "lib/modules").iterdir()).name
    if not (tree / f"lib/modules/{version}/modules.dep").exists():
        call(program("depmod"), "-b", tree, version)
    files = []
    for name in MODULES:
        said = call(program("modprobe"), "-d", tree, "-S", version, "--show-depends", name)
        files += [path for path in re.findall(r"^insmod (\S+)", said, re.M) if path not in files]
    return files


def initial_files(tree):
    archive = Archive()
    for name in ("proc", "sys", "dev", "mnt", "tmp", "etc"):
        archive.add(name, 0o40755)
    archive.add_file("bin/busybox", pathlib.Path(program("busybox")).read_bytes())
    archive.add("bin/sh", 0o120777, b"busybox")
    for name in PROGRAMS:
        archive.add_program(program(name))
    files = modules(tree)
    for number, path in enumerate(files):
        archive.add_file(f"modules/{number:02}.ko", pathlib.Path(path).read_bytes())
    archive.add_file("init", INIT.read_bytes())
    return archive.bytes()


class Kernel:
    """What QEMU is given."""

    def __init__(self, cache):
        tree = unpacked(cache)
        self.image = cache / "vmlinux"
        if not self.image.exists():
            self.image.write_bytes(vmlinux(next((tree / "boot").glob("vmlinuz-*"))))
        self.files = cache / "initrd"
        self.files.write_bytes(initial_files(tree))

    def run(self, **arguments):
        """What the guest printed. It reaches this host's loopback as 10.0.2.2."""
        said = " ".join(f"bh_{key}={value}" for key, value in arguments.items())
        return call("qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-m", 192, "-nodefaults",
                    "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", self.image, "-initrd", self.files,
                    "-append", f"console=ttyS0 quiet panic=-1 {said}", "-netdev", "user,id=net",
                    "-device", "virtio-net-pci,netdev=net,romfile=", timeout=LIMIT_S)


def kernel_or_skip(cache):
    missing = [name for name in (*HOST_PROGRAMS, "busybox") if not program(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not there; tools/install-packages interop")
    try:
        unpacked(cache)
    except (RuntimeError, subprocess.TimeoutExpired) as fault:
        pytest.skip(f"no Debian kernel is to be had: {str(fault).strip().splitlines()[-1]}")
    return Kernel(cache)


if __name__ == "__main__":
    print(Kernel(pathlib.Path(sys.argv[1])).run(**dict(word.split("=") for word in sys.argv[2:])))
