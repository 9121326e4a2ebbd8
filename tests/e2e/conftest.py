# SPDX-License-Identifier: MIT
"""A real blockheadd on a free port of the loopback for each test, ended and inspected afterwards."""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vectors")]
from client import Peer  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent.parent / "build")).resolve()
READY_S = 10
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error:).*")
LISTENS = re.compile(r"udp:(\S+):(\d+)")


def pytest_sessionstart():
    for program in ("blockheadd", "blockhead"):
        if not (BUILD / program).exists():
            pytest.exit(f"{BUILD}/{program} is not there: build first, or say where with BUILD=", 4)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs only when -m long asks for it")


def pytest_collection_modifyitems(config, items):
    if not config.option.markexpr:
        items[:] = [item for item in items if not item.get_closest_marker("long")]


class Process:
    """A program of ours in the background, with what it prints in files."""

    codes = (0,)  # what it may end with

    def __init__(self, command, directory, user=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.out_path, self.log_path = directory / "stdout", directory / "stderr"
        with open(self.out_path, "w") as out, open(self.log_path, "w") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=log, user=user,
                                            env={"RUNTIME_DIRECTORY": str(directory)} | os.environ |
                                            {"XDG_STATE_HOME": str(directory)})

    def out(self):
        return self.out_path.read_text(errors="replace")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for_out(self, pattern):
        """The match of `pattern` in what it prints."""
        wait_until(lambda: pattern.search(self.out()) or self.process.poll() is not None)
        found = pattern.search(self.out())
        assert found, f"never printed {pattern.pattern}:\n{self.out()}{self.log()}"
        return found

    def wait_for_log(self, pattern, timeout=3):
        try:
            wait_until(lambda: re.search(pattern, self.log()), timeout)
        except AssertionError:
            raise AssertionError(f"never logged {pattern}:\n{self.log()}") from None

    def kill(self, number=signal.SIGKILL):
        """The server dies at once."""
        self.process.send_signal(number)
        self.process.wait()

    def end(self):
        """SIGTERM; asserts an orderly end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end within 30 s:\n{self.log()}") from None
        assert not SANITIZER.search(self.log()), self.log()
        assert code in self.codes, f"exit code {code}:\n{self.log()}"


class Server(Process):
    """A running blockheadd."""

    def __init__(self, arguments, directory, user=None):
        super().__init__([BUILD / "blockheadd", *arguments], directory, user)
        host, port = self.wait_for_out(LISTENS).groups()
        self.address = host.strip("[]"), int(port)
        self.name = f"{host}:{port}"
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        with self.peer() as peer:
            wait_until(lambda: peer.keep(0.1))

    def peer(self, host=None, port=0):
        return Peer(self.address, host, port)

    def url(self, image, sector=None):
        return f"blockhead://{self.name}/{image}" + (f"?sector={sector}" if sector else "")


def make_starter(tmp_path_factory):
    """start(ARGUMENT..., config=TEXT, listen=...) and the list of what it started."""
    started = []

    def start(*arguments, config=None, listen=("udp:127.0.0.1:0",), user=None):
        directory = tmp_path_factory.mktemp("server")
        options = [word for address in listen for word in ("-l", address)]
        if config is not None:
            path = directory / "blockheadd.conf"
            path.write_text(config)
            options += ["-c", path]
        directory.chmod(0o755)
        server = Server([*options, *arguments], directory, user)
        started.append(server)
        return server

    return start, started


def end_all(started):
    faults = []
    for server in started:
        try:
            server.end()
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults)


@pytest.fixture
def serve(tmp_path_factory):
    """Starts servers that end with the test."""
    start, started = make_starter(tmp_path_factory)
    yield start
    end_all(started)


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory):
    """Starts servers that end with the file of tests."""
    start, started = make_starter(tmp_path_factory)
    yield start
    end_all(started)


@pytest.fixture
def images(tmp_path):
    """A directory for images."""
    directory = tmp_path / "images"
    directory.mkdir()
    return directory


@pytest.fixture
def blockhead():
    """Runs the command; `code` is the exit code that it must end with."""

    def run(*arguments, code=0, **options):
        command = [str(BUILD / "blockhead"), *(str(word) for word in arguments)]
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("timeout", 120)
        result = subprocess.run(command, capture_output=True, **options)
        text = result.stderr.decode(errors="replace")
        assert not SANITIZER.search(text), text
        assert result.returncode == code, f"{command}: exit code {result.returncode}:\n{text}"
        return result

    return run


def wait_until(condition, timeout=READY_S):
    """Waits until condition() is true, and returns what it returned."""
    due = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < due, "never came true"
        time.sleep(0.005)
    return result


def make_image(path, size, seed=None):
    """An image of zeros, or of random bytes by a seed; returns its bytes."""
    data = bytes(size) if seed is None else random.Random(seed).randbytes(size)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data
