# SPDX-License-Identifier: MIT
"""The servers of a benchmark, each started for one measurement and ended after it."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import time

READY_S = 10
END_S = 5
PORT = 14444
PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A sentence: why something could not be measured."""


def die_with_parent():
    """In a child: it must not outlive us, however we end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def pinned(cpus):
    """The words before a command that is to run on these CPUs."""
    return ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []


def cpu_seconds(group):
    """User and system time of a process group so far, with that of the children that it has lost."""
    ticks = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_kib(pid):
    """(all that is resident, what of it is no file's)."""
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return tuple(int(lines[name].split()[0]) for name in ("VmRSS", "RssAnon"))


class Place:
    """Where everything is: programs, the image, a directory to work in; which CPU is whose."""

    def __init__(self, build, directory, image):
        self.build, self.directory, self.image = build, directory, image
        cpus = sorted(os.sched_getaffinity(0))
        self.client_cpus = cpus[:1] if len(cpus) > 1 else []
        self.server_cpus = cpus[1:2]
        self.all_cpus = cpus[:2] if len(cpus) > 1 else []

    def program(self, name):
        return str(self.build / "tests/bench" / name)


class Server:
    """A running server: its process and what a client calls it."""

    def __init__(self, process, target):
        self.process, self.target = process, target

    @property
    def pid(self):
        return self.process.pid


def spawn(command, log, **options):
    with open(log, "ab") as file:
        return subprocess.Popen([str(word) for word in command], stderr=file, start_new_session=True,
                                preexec_fn=die_with_parent, **options)


def end(process):
    """It and its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
            break
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def wait_until(ready, process, what):
    until = time.monotonic() + READY_S
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise Failed(f"{what} did not start")
        time.sleep(0.005)


def listens(path):
    """As the kernel's list has it: flags 00010000 are those of a listening socket."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return any(line.endswith(f" {path}") and line.split()[3] == "00010000" for line in lines)


@contextlib.contextmanager
def blockheadd(place, cpus, sessions=256, serve=()):
    """As users run it: with its session table in a state directory."""
    state = place.directory / "state"
    shutil.rmtree(state, ignore_errors=True)
    config = place.directory / "blockheadd.conf"
    config.write_text(f"[server]\nlisten = udp:127.0.0.1:{PORT}\nsessions = {sessions}\nstate = {state}\n" +
                      "".join(f"serve = {path}\n" for path in (place.image, *serve)))
    process = spawn([*pinned(cpus), place.build / "blockheadd", "-c", config],
                    place.directory / "blockheadd.log", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        if not process.stdout.readline():
            raise Failed("blockheadd did not start")
        yield Server(process, f"127.0.0.1:{PORT}")
    finally:
        end(process)


@contextlib.contextmanager
def echo(place, cpus, mode, sector=512):
    command = [place.program("bench_echo"), mode, "--sector", sector]
    if mode == "plain":
        command += ["--file", place.image]
    process = spawn([*pinned(cpus), *command], place.directory / "echo.log", stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE)
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise Failed(f"echo {mode} did not start")
        yield Server(process, f"127.0.0.1:{int(port)}")
    finally:
        end(process)


@contextlib.contextmanager
def on_socket(place, cpus, name, command, path):
    path.unlink(missing_ok=True)
    process = spawn([*pinned(cpus), *command], place.directory / f"{name}.log", stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(path), process, name)
        yield Server(process, f"unix:{path}")
    finally:
        end(process)
        path.unlink(missing_ok=True)


def nbdkit(place, cpus, threads=16, plugin=(), filters=(), name="nbdkit"):
    path = place.directory / f"{name}.sock"
    return on_socket(place, cpus, name, ["nbdkit", "-f", "-t", threads, "-U", path, *filters,
                                         *(plugin or ("file", place.image))], path)


def nbd_server(place, cpus):
    """In the foreground it serves one client and ends; otherwise it would leave our process group."""
    path = place.directory / "nbd-server.sock"
    config = place.directory / "nbd-server.conf"
    config.write_text(f"[generic]\nunixsock = {path}\nlistenaddr = 127.0.0.1\nport = {PORT + 1}\n"
                      f"[image]\nexportname = {place.image}\n")
    return on_socket(place, cpus, "nbd-server", ["nbd-server", "-d", "-C", config], path)


def qemu_nbd(place, cpus):
    path = place.directory / "qemu-nbd.sock"
    return on_socket(place, cpus, "qemu-nbd",
                     ["qemu-nbd", "-f", "raw", "-t", "-e", 8, "--cache=writeback", "-k", path, place.image], path)


def is_mount(path):
    return os.path.ismount(path)


@contextlib.contextmanager
def slow_image(place, delay_ms=50):
    """A file of which every read takes its time: FUSE over NBD over nbdkit's delay filter."""
    if not shutil.which("nbdfuse") or not pathlib.Path("/dev/fuse").exists():
        raise Failed("there is no nbdfuse or no /dev/fuse")
    mount = place.directory / "slow"
    mount.mkdir(exist_ok=True)
    with nbdkit(place, place.all_cpus, plugin=("null", "64G", f"rdelay={delay_ms}ms"), filters=("--filter=delay",),
                name="slow") as server:
        process = spawn(["nbdfuse", mount / "slow.img", "--unix", server.target.removeprefix("unix:")],
                        place.directory / "nbdfuse.log", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: (mount / "slow.img").exists(), process, "nbdfuse")
            yield mount / "slow.img"
        finally:
            subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL, check=False)
            end(process)
