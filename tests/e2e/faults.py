# SPDX-License-Identifier: MIT
"""Storage that fails when a test says so, and the log of what the daemon did: faults.c, from outside."""
import collections
import contextlib
import ctypes
import errno as numbers
import mmap
import os
import struct

from conftest import BUILD

LIBRARY = BUILD / "tests/e2e/faults.so"
OPS = {"read": 0, "write": 1, "sync": 2}
FAULTS = {None: 0, "error": 1, "half": 2, "zero": 3, "torn": 4}
FIELDS = ("fault", "errno", "times", "delay_ms", "linger_ms", "calls", "failed")
FOR_EVER = 0xFFFFFFFF
RECORD = struct.Struct("=QQQqIIII")

Record = collections.namedtuple("Record", "time file offset result call kind data")


class Faults:
    """The control file and the log of one daemon; `name` is a part of the paths that are meant."""

    def __init__(self, directory, name=".img"):
        directory.mkdir()
        self.control, self.log_path, self.name = directory / "control", directory / "log", name
        self.control.write_bytes(bytes(4 * len(FIELDS) * len(OPS)))
        with open(self.control, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def field(self, op, name):
        return ctypes.c_uint32.from_buffer(self.map, 4 * (OPS[op] * len(FIELDS) + FIELDS.index(name)))

    def set(self, op, fault=None, errno=numbers.EIO, times=FOR_EVER, delay_ms=0, linger_ms=0):
        for name, value in (("errno", errno), ("times", times), ("delay_ms", delay_ms), ("linger_ms", linger_ms),
                            ("fault", FAULTS[fault])):
            self.field(op, name).value = value

    def clear(self):
        for op in OPS:
            self.set(op)

    def calls(self, op):
        return self.field(op, "calls").value

    def failed(self, op):
        """How many calls have failed by our doing."""
        return self.field(op, "failed").value

    @contextlib.contextmanager
    def loaded(self):
        """Daemons started within obey."""
        new = {"LD_PRELOAD": str(LIBRARY), "BH_FAULTS": str(self.control), "BH_FAULTS_LOG": str(self.log_path),
               "BH_FAULTS_NAME": self.name,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        old = {name: os.environ.get(name) for name in new}
        os.environ.update(new)
        try:
            yield
        finally:
            for name, value in old.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    def records(self):
        log, at = self.log_path.read_bytes(), 0
        while at < len(log):
            time, file, offset, result, call, kind, data_len, _ = RECORD.unpack_from(log, at)
            at += RECORD.size + data_len
            yield Record(time, file, offset, result, call, chr(kind), log[at - data_len:at])
