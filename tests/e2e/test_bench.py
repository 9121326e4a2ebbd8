# SPDX-License-Identifier: MIT
"""The tools of tests/bench: every mode once, every answer checked, and faults noticed. Nothing is timed."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import BUILD, Process, wait_until
from test_window import path_to  # noqa: F401: a fixture

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = BUILD / "tests/bench"
BENCH = ROOT / "tests/bench/bench.py"
IMAGE_LEN = 1 << 20
SHORT = ("--seconds", "0.05", "--warm-up", "0.01")
READS = ("--window 1", "--window 32", "--window 64 --gso", "--window 32 --sequential", "--sector 128 --window 8",
         "--sector 1024 --window 64 --gso", "--window 16 --lanes 4 --hosts", "--window 8 --lanes 2 --sessions 6",
         "--window 64 --run 64 --gso --sequential", "--window 64 --run 16", "--form default",
         "--form default --gso", "--once --window 64", "--once --window 64 --run 32 --gso", "--form default --once")
WRITES = ("--window 32 --writes 30", "--window 64 --writes 30 --gso", "--window 32 --writes 100",
          "--form default --writes 50", "--sector 1024 --window 16 --writes 100 --gso")
needs_nbdkit = pytest.mark.skipif(not shutil.which("nbdkit"), reason="nbdkit is not installed")


@pytest.fixture
def image(images):
    path = images / "image"
    subprocess.run([TOOLS / "bench_image", path, str(IMAGE_LEN)], check=True)
    return path


def run_load(target, options, *more, code=0):
    """The result of the load generator."""
    command = [TOOLS / "bench_load", *SHORT, *options.split(), *more, target]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def check(result):
    assert result["ops"] > 0 and result["errors"] == 0 and result["seconds"] > 0, result
    assert 0 < result["p50_ns"] <= result["p99_ns"] <= result["p999_ns"], result


@pytest.fixture
def echo(tmp_path):
    """echo(MODE, OPTION...): the address of a running echo."""
    started = []

    def start(mode, *options):
        command = [str(word) for word in (TOOLS / "bench_echo", mode, *options)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return f"127.0.0.1:{int(process.stdout.readline())}"

    yield start
    for process in started:
        process.stdin.close()
        assert process.wait(10) == 0
        process.stdout.close()


@pytest.mark.parametrize("options", READS + WRITES)
def test_load_on_blockheadd(serve, image, options):
    server = serve(image)
    result = run_load(server.name, options, "--name", "image", "--verify")
    check(result)
    if "--once" in options:
        assert result["ops"] == IMAGE_LEN // 512


@pytest.mark.parametrize("mode", ["one", "batch", "gso"])
@pytest.mark.parametrize("options", ["--window 1", "--window 32", "--window 64 --gso", "--window 32 --writes 30"])
def test_load_on_an_echo(echo, mode, options):
    check(run_load(echo(mode), options, "--form", "bare", "--unchecked"))


@pytest.mark.parametrize("sector", [128, 512, 1024])
def test_an_echo_answers_a_run_with_datagrams_of_the_size_of_replies(echo, sector):
    options = f"--window 32 --run 32 --gso --sequential --sector {sector}"
    check(run_load(echo("gso", "--sector", sector), options, "--form", "bare", "--unchecked"))


def test_an_echo_of_another_size_is_an_error(echo):
    assert run_load(echo("one", "--sector", 256), "--form bare --unchecked", code=1)["errors"] > 0


@pytest.mark.parametrize("options", ["--window 1", "--window 32", "--window 64 --writes 30 --gso"])
def test_load_on_the_plain_loop(echo, image, options):
    target = echo("plain", "--file", image)
    check(run_load(target, options, "--form", "bare", "--verify", "--size", str(IMAGE_LEN)))


@needs_nbdkit
@pytest.mark.parametrize("form", ["", "--structured"])
@pytest.mark.parametrize("options", ["--window 1", "--window 64", "--window 16 --lanes 4", "--window 32 --writes 30",
                                     "--sector 128 --window 8", "--once --window 64"])
def test_load_on_an_nbd_server(tmp_path, image, form, options):
    path = tmp_path / "nbd.sock"
    server = Process(["nbdkit", "-f", "-U", path, "file", image], tmp_path / "nbdkit")
    try:
        wait_until(path.exists)
        time.sleep(0.05)
        check(run_load(f"unix:{path}", f"--form nbd {form} {options}", "--verify"))
    finally:
        server.end()


def test_what_is_written_is_there(serve, images):
    zeros = images / "image"
    zeros.write_bytes(bytes(IMAGE_LEN))
    server = serve(zeros)
    assert run_load(server.name, "--once --window 64 --name image", code=1)["errors"] > 0
    check(run_load(server.name, "--once --window 32 --writes 100 --name image"))
    check(run_load(server.name, "--once --window 64 --verify --name image"))


@pytest.mark.parametrize("at, options, code", [(512 * 7, "", 1), (512 * 7 + 100, "", 0),
                                               (512 * 7 + 100, "--verify", 1)])
def test_wrong_data_is_an_error(serve, image, at, options, code):
    """One byte of a sector: its number is always looked at, the rest only if asked for."""
    data = bytearray(image.read_bytes())
    data[at] ^= 1
    image.write_bytes(data)
    result = run_load(serve(image).name, f"--once --window 16 --name image {options}", code=code)
    assert result["errors"] == code


@pytest.mark.parametrize("options", ["--once --window 32", "--once --window 64 --run 16", "--window 16 --writes 50",
                                     "--form default --seconds 0.5"])
def test_what_is_lost_is_sent_again(serve, image, path_to, options):  # noqa: F811
    host, port = path_to(serve(image), "--drop", "5")
    result = run_load(f"{host}:{port}", f"--timeout 10 --verify --name image {options}")
    check(result)
    assert result["retransmissions"] > 0


def test_idle_sessions_are_held_until_the_input_ends(serve, image):
    server = serve(image, config="[server]\nsessions = 256\n")
    command = [TOOLS / "bench_load", "--hold", "--sessions", "40", "--lanes", "4", "--hosts", "--name", "image",
               server.name]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    assert json.loads(process.stdout.readline()) == {"sessions": 40}
    assert process.poll() is None
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize("options, words", [("", "usage"), ("--form morse 127.0.0.1:1", "no form"),
                                            ("--window 65 127.0.0.1:1", "from 1 to 64"),
                                            ("--sector 500 127.0.0.1:1", "no sector"),
                                            ("--form default --window 2 127.0.0.1:1", "one request"),
                                            ("unix:/nowhere", "Unix socket"),
                                            ("--form nbd unix:/nowhere", "no connection")])
def test_a_wrong_command_line_gets_a_sentence(options, words):
    done = subprocess.run([TOOLS / "bench_load", *options.split()], capture_output=True, text=True)
    assert done.returncode == 1 and words in done.stderr


def children(pid):
    done = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    return [line.split(None, 1) for line in done.stdout.splitlines() if "ps -o" not in line]


def start_bench(*arguments):
    command = [sys.executable, BENCH, "--build", BUILD, "--rounds", 1, *arguments]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_bench_prints_and_records_tables(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- last run -->\nold\n<!-- end of last run -->\nafter\n")
    process = start_bench("--seconds", "0.05", "--only", "one,gso", "--record", page, "--json", tmp_path / "json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "| 512-byte reads, 1 in flight, against the unbatched bare echo | 0.95 |" in out
    assert "old" not in page.read_text() and out.strip() in page.read_text()
    assert page.read_text().startswith("before\n") and page.read_text().endswith("after\n")
    result = json.loads((tmp_path / "json").read_text())
    for name, contenders in (("one", {"blockheadd", "echo, unbatched", "plain loop"}),
                             ("gso", {"blockheadd", "echo, GSO"})):
        assert contenders <= set(result["cases"][name]), result["notes"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_bench_leaves_no_process_behind(number):
    process = start_bench("--seconds", "30", "--only", "window")
    wait_until(lambda: any("bench_load" in args for _, args in children(process.pid)))
    left = [pathlib.Path("/proc") / pid for pid, _ in children(process.pid)]
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    wait_until(lambda: not any(path.exists() for path in left))


@needs_nbdkit
def test_nbd_backend_prints_ratios():
    command = [sys.executable, ROOT / "tests/bench/nbd_backend.py", "--build", BUILD, "--rounds", "1", "--seconds", "0.05",
               "--delays", "none,1", "--json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["latency"]) == len(result["throughput"]) == 4
    assert all(row["whole"] > 0 for rows in result.values() for row in rows)


def test_the_cable_carries_each_byte_in_its_time_and_in_order():
    """Nothing is timed but that nothing is faster than the line."""
    cable = subprocess.Popen([TOOLS / "bench_cable", "9600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        near, far = (os.open(cable.stdout.readline().strip(), os.O_RDWR | os.O_NOCTTY) for _ in range(2))
        sent, got, begun = bytes(range(256)) * 2, b"", time.monotonic()
        os.write(near, sent)
        while len(got) < len(sent):
            assert select.select([far], [], [], 10)[0], f"{len(got)} bytes came"
            got += os.read(far, 4096)
        assert got == sent
        assert time.monotonic() - begun >= len(sent) * 10 / 9600
    finally:
        cable.stdin.close()
        assert cable.wait(10) == 0
