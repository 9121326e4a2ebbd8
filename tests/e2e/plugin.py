# SPDX-License-Identifier: MIT
"""nbdkit with our plugin, and what tests with it share."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import BUILD, SANITIZER, Process, wait_until

PLUGIN = BUILD / "plugins/nbdkit/nbdkit-blockhead-plugin.so"
IS_SANITIZED = PLUGIN.exists() and b"__asan_init" in PLUGIN.read_bytes()
PROXY = pathlib.Path(__file__).with_name("proxy.py")
PROXY_LISTENS = re.compile(r"udp:(\S+:\d+)")

needs_plugin = [
    pytest.mark.skipif(not shutil.which("nbdkit"), reason="nbdkit is not installed"),
    pytest.mark.skipif(not shutil.which("nbdinfo"), reason="libnbd-bin is not installed"),
    pytest.mark.skipif(not PLUGIN.exists(), reason="the plugin was not built: nbdkit-plugin-dev was not there"),
]
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-io"), reason="qemu-utils is not installed")
needs_fio = pytest.mark.skipif(not shutil.which("fio"), reason="fio is not installed")


def environment():
    """A sanitizer's library has to come before all others, in a program that was built without."""
    if not IS_SANITIZED:
        return dict(os.environ)
    names = [subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
             for name in ("libasan.so", "libubsan.so")]
    return os.environ | {"LD_PRELOAD": " ".join(names), "ASAN_OPTIONS": "detect_leaks=0"}


class Nbdkit:
    """A running nbdkit with the plugin."""

    def __init__(self, directory, arguments, port=None):
        directory.mkdir()
        self.socket, self.log_path, ready = directory / "socket", directory / "log", directory / "pid"
        where = ["-U", self.socket] if port is None else ["-i", "127.0.0.1", "-p", str(port)]
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(["nbdkit", "-f", "-v", "-P", ready, *where, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        wait_until(lambda: ready.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()

    def uri(self, export=""):
        return f"nbd+unix:///{export}?socket={self.socket}"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def is_over(self):
        """With the sanitizer's library before all others, glibc may wait for ever for a lock of its locales, in a
        destructor of nbdkit's libraries (p11-kit): then the plugin is out of it already."""
        return self.process.poll() is not None or (IS_SANITIZED and "unload plugin" in self.log())

    def end(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            wait_until(self.is_over, 60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
        assert self.process.wait(10) in (0, -signal.SIGKILL if IS_SANITIZED else 0), self.log()[-3000:]
        assert not SANITIZER.search(self.log()), self.log()[-3000:]


@pytest.fixture
def path_to(tmp_path):
    """path_to(server, OPTION...): the address of a damaging path to it."""
    started = []

    def start(server, *options):
        proxy = Process([sys.executable, PROXY, "--listen", "127.0.0.1:0", "--to", server.name, *options],
                        tmp_path / f"proxy{len(started)}")
        started.append(proxy)
        return proxy.wait_for_out(PROXY_LISTENS)[1]

    yield start
    for proxy in started:
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(10)


@pytest.fixture
def nbdkit(tmp_path, path_to):
    """nbdkit(PARAMETER..., options=[...], port=...): starts one that ends with the test, and before the paths: it
    takes its leave of the server."""
    started = []

    def start(*parameters, options=(), port=None):
        one = Nbdkit(tmp_path / f"nbdkit{len(started)}", [*options, PLUGIN, *parameters], port)
        started.append(one)
        return one

    yield start
    for one in started:
        one.end()


def run(*command, code=0, timeout=120):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    assert code is None or done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def once(*arguments, code=0):
    """nbdkit that starts nothing, or fails to."""
    done = subprocess.run(["nbdkit", PLUGIN, *arguments], capture_output=True, text=True, timeout=60,
                          env=environment())
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def qemu_io(uri, *commands, code=0):
    words = [word for command in commands for word in ("-c", command)]
    return run("qemu-io", "-f", "raw", *words, uri, code=code)
