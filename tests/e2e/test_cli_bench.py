# SPDX-License-Identifier: MIT
"""blockhead bench: what it tells, and that it leaves the volume alone."""
import json
import signal
import subprocess

import pytest

from conftest import BUILD, make_image, wait_until

TROUBLE, USAGE, INTERRUPTED = 2, 64, 130


@pytest.fixture
def server(serve, images):
    data = make_image(images / "a.img", 100_000, 1)
    server = serve(images)
    server.image, server.data = images / "a.img", data
    return server


def measured(blockhead, *arguments):
    return json.loads(blockhead("bench", "--json", "-d", "0.2", *arguments).stdout)


@pytest.mark.parametrize("options, operation, order", [
    ([], "read", "random"), (["-S"], "read", "sequential"),
    (["-n", 8], "read", "random"), (["-n", 7, "-S"], "read", "sequential"), (["-w", "-n", 5], "write", "random"),
    (["-w"], "write", "random"), (["-w", "-S"], "write", "sequential"), (["-S", "-R"], "read", "random")])
def test_what_it_tells(server, blockhead, options, operation, order):
    report = measured(blockhead, *options, server.url("a.img"))
    assert (report["operation"], report["order"]) == (operation, order)
    run = options[options.index("-n") + 1] if "-n" in options else 1
    assert (report["sector_length"], report["run"], report["window"]) == (512, run, 64 // run)
    assert report["requests"] > 0 and report["seconds"] >= 0.2
    assert report["requests_per_second"] == pytest.approx(report["requests"] / report["seconds"])
    assert report["bytes_per_second"] == pytest.approx(512 * run * report["requests_per_second"])
    latency = report["latency_ms"]
    ranks = [latency[rank] for rank in ("min", "p50", "p99", "p999", "max")]
    assert 0 < ranks[0] and ranks == sorted(ranks)
    assert server.image.read_bytes() == server.data


def test_a_person_reads_the_same(server, blockhead):
    out = blockhead("bench", "-d", "0.1", "-s", 256, "-W", 2, server.url("a.img")).stdout.decode()
    assert "random reads, sectors of 256 bytes, 2 at a time" in out
    assert "p99.9" in out and "sent again" in out


def test_runs_of_sectors(server, blockhead):
    out = blockhead("bench", "-d", "0.1", "-n", 64, server.url("a.img")).stdout.decode()
    assert "random reads, 64 sectors of 512 bytes, 2 at a time" in out
    assert measured(blockhead, "-n", 64, "-W", 64, "-s", 1024, server.url("a.img"))["window"] == 64
    assert b"too short" in blockhead("bench", "-n", 8, "-s", 16384, server.url("a.img"), code=TROUBLE).stderr
    assert measured(blockhead, "-n", 7, "-s", 16384, server.url("a.img"))["requests"] > 0


def test_quiet_says_nothing(server, blockhead):
    result = blockhead("bench", "-q", "-d", "0.1", server.url("a.img"))
    assert (result.stdout, result.stderr) == (b"", b"")


def test_the_server_limits_the_window(server, blockhead):
    for bad in ("0", "65", "many"):
        blockhead("bench", "-W", bad, server.url("a.img"), code=USAGE)
    assert measured(blockhead, "-W", 64, server.url("a.img"))["window"] == 64
    assert measured(blockhead, "-W", 1, server.url("a.img"))["window"] == 1


@pytest.mark.parametrize("sector", [128, 1024, 16384])
@pytest.mark.parametrize("size", [100_000, 65536])
def test_writes_change_no_byte(serve, images, blockhead, sector, size):
    data = make_image(images / "b.img", size, 2)
    server = serve(config=f"[volume b.img]\npath = {images}/b.img\ngrow = 1M\n")
    assert measured(blockhead, "-w", "-s", sector, server.url("b.img"))["requests"] > 0
    assert (images / "b.img").read_bytes() == data


def test_reads_work_beside_a_writer(server, blockhead):
    with server.peer() as peer:
        writer = peer.open("a.img")
        assert measured(blockhead, server.url("a.img"))["requests"] > 0
        assert writer.alive()
        assert b"in use" in blockhead("bench", "-w", server.url("a.img"), code=TROUBLE).stderr


@pytest.mark.parametrize("mode, word", [("shared", b"shared"), ("read-only", b"read-only")])
def test_writes_that_could_do_harm_are_refused(serve, images, blockhead, mode, word):
    data = make_image(images / "b.img", 65536, 2)
    server = serve(config=f"[volume b.img]\npath = {images}/b.img\nmode = {mode}\n")
    assert word in blockhead("bench", "-w", server.url("b.img"), code=TROUBLE).stderr
    assert measured(blockhead, server.url("b.img"))["requests"] > 0
    assert (images / "b.img").read_bytes() == data


def test_what_is_too_short(serve, images, blockhead):
    make_image(images / "empty.img", 0)
    make_image(images / "one.img", 512)
    server = serve(images)
    assert b"too short" in blockhead("bench", server.url("empty.img"), code=TROUBLE).stderr
    assert b"too short" in blockhead("bench", "-w", server.url("one.img"), code=TROUBLE).stderr
    assert measured(blockhead, server.url("one.img"))["sector_count"] == 1


def test_an_interrupted_one_tells_what_it_has(server):
    with subprocess.Popen([BUILD / "blockhead", "bench", "-w", server.url("a.img")], stdout=subprocess.PIPE) as bench:
        changed = server.image.stat().st_mtime_ns
        wait_until(lambda: server.image.stat().st_mtime_ns != changed)
        bench.send_signal(signal.SIGINT)
        assert b"random writes" in bench.stdout.read()
        assert bench.wait() == INTERRUPTED
    assert server.image.read_bytes() == server.data
