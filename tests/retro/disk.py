# SPDX-License-Identifier: MIT
"""The disk of the small machines: a FAT16 volume with a few files, one sector to a cluster."""
import os
import random
import subprocess

os.environ["PATH"] += ":/usr/sbin:/sbin"

HELLO = random.Random(7).randbytes(2500)  # has bytes to escape
FILES = {"README.TXT": b"A disk for small machines.\n", "HELLO.TXT": HELLO, "EMPTY.TXT": b""}


def mtools(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60,
                          env=os.environ | {"MTOOLS_SKIP_CHECK": "1"}, **options).stdout


def make_disk(path):
    path.write_bytes(bytes(4 << 20))
    mtools("mkfs.fat", "-F", "16", "-s", "1", "-n", "RETRO", path)
    for name, data in FILES.items():
        mtools("mcopy", "-i", path, "-", f"::{name}", input=data)
    return path
