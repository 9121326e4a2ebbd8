# SPDX-License-Identifier: MIT
"""The plugin for nbdkit: a server's images as real NBD clients meet them."""
import os
import random
import re
import threading

import pytest

from conftest import make_image, wait_until
from plugin import nbdkit, needs_fio, needs_plugin, needs_qemu, once, path_to, qemu_io, run  # noqa: F401

pytestmark = needs_plugin


def test_it_says_what_it_is():
    said = once("--dump-plugin")
    assert "name=blockhead\n" in said and "thread_model=parallel" in said and "magic_config_key=url" in said
    assert "blockhead_default_port=4444" in said
    for parameter in ("blockhead://", "server=", "image=", "sector=", "look=", "timeout=", "linger=", "wait="):
        assert parameter in once("--help")


@pytest.mark.parametrize("parameters, fault", [
    ([], "which server"),
    (["image=a"], "which server"),
    (["blockhead://"], "the host is missing"),
    (["url=http://h/a"], "does not begin blockhead://"),
    (["server=h:99999"], "is not HOST"),
    (["server=h/a"], "is not HOST"),
    (["server=h", "sector=500"], "it is 128, 256"),
    (["server=h", "sector=32768"], "it is 128, 256"),
    (["server=h", "image=" + "a" * 256], "255 bytes"),
    (["server=h", "timeout=0"], "seconds from 1"),
    (["server=h", "linger=-1"], "linger"),
    (["server=h", "wait=x"], "wait"),
    (["server=h", "colour=red"], "unknown parameter"),
])
def test_parameters_that_mean_nothing_are_refused(parameters, fault):
    assert fault in once(*parameters, code=1)


def test_what_an_export_can(serve, images, nbdkit):
    make_image(images / "a.img", 143360, 1)
    make_image(images / "b.img", 143360, 1)
    server = serve(images)
    said = run("nbdinfo", nbdkit(server.url("a.img")).uri())
    for fact in ("export-size: 143360", "is_read_only: false", "can_flush: true", "can_fua: true", "can_trim: true",
                 "can_zero: true", "can_multi_conn: true", "block_size_minimum: 1\n", "block_size_preferred: 4096",
                 "description: a.img"):
        assert fact in said, said
    assert "is_read_only: true" in run("nbdinfo", nbdkit(server.url("b.img"), options=["-r"]).uri())


def test_smallest_block_of_a_shared_volume_is_the_sector(serve, images, nbdkit):
    make_image(images / "a.img", 8192, 1)
    server = serve(config=f"[volume a.img]\npath = {images}/a.img\nmode = shared\n")
    assert "block_size_minimum: 512" in run("nbdinfo", nbdkit(server.url("a.img", 512)).uri())


def test_read_only_volumes_are_read_only_exports(serve, images, nbdkit):
    make_image(images / "a.img", 8192, 1)
    server = serve(config=f"[volume a.img]\npath = {images}/a.img\nmode = read-only\n")
    assert "is_read_only: true" in run("nbdinfo", nbdkit(server.url("a.img")).uri())


@pytest.mark.parametrize("size, exact", [
    (1 << 20, 1 << 20), (143360, 143360), (161280, 161280), (92160 + 128, 92160 + 128), (1000, 1024), (0, 0)])
def test_size_is_that_of_the_image_to_128_bytes(serve, images, nbdkit, size, exact):
    make_image(images / "a.img", size, 1)
    assert int(run("nbdinfo", "--size", nbdkit(serve(images).url("a.img")).uri())) == exact


def test_last_bytes_of_an_odd_image(serve, images, nbdkit, tmp_path):
    data = make_image(images / "a.img", 1000, 1)
    one = nbdkit(serve(images).url("a.img"))
    run("nbdcopy", one.uri(), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data + bytes(24)


def test_list_of_exports(serve, images, nbdkit, tmp_path):
    make_image(images / "a.img", 4096, 1)
    data = make_image(images / ("long" * 15 + ".img"), 8192, 2)
    one = nbdkit(f"server={serve(images).name}")
    said = run("nbdinfo", "--list", one.uri())
    names = re.findall(r'^export="(.*)":$', said, re.M)
    assert "a.img" in names, said
    number = next(name for name in names if name.startswith(":") and f"export=\"{name}\":\n\tdescription: long" in said)
    run("nbdcopy", one.uri(number), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("sector", ["best", "128", "512", "1024", "16384"])
def test_copies_both_ways(serve, images, nbdkit, tmp_path, sector):
    make_image(images / "a.img", 8 << 20)
    data = make_image(tmp_path / "in", 8 << 20, 7)
    server = serve(images)
    one = nbdkit(f"server={server.name}", f"sector={sector}", "image=a.img")
    run("nbdcopy", "--flush", tmp_path / "in", one.uri())
    assert (images / "a.img").read_bytes() == data
    run("nbdcopy", one.uri(), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


def test_copies_over_a_unix_socket(serve, images, nbdkit, tmp_path):
    make_image(images / "a.img", 1 << 20)
    data = make_image(tmp_path / "in", 1 << 20, 7)
    serve(images, listen=("udp:127.0.0.1:0", f"unix:{tmp_path}/s"))
    one = nbdkit(f"blockhead+unix:///?socket={tmp_path}/s")
    assert 'export="a.img"' in run("nbdinfo", "--list", one.uri())
    run("nbdcopy", "--flush", tmp_path / "in", one.uri("a.img"))
    assert (images / "a.img").read_bytes() == data
    run("nbdcopy", one.uri("a.img"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


@needs_qemu
def test_qemu_compares_and_converts(serve, images, nbdkit, tmp_path):
    data = make_image(images / "a.img", 4 << 20, 3)
    make_image(images / "b.img", 4 << 20, 4)
    server = serve(images)
    one = nbdkit(f"server={server.name}")
    (tmp_path / "same").write_bytes(data)
    same = run("qemu-img", "compare", "-f", "raw", "-F", "raw", tmp_path / "same", one.uri("a.img"))
    assert "identical" in same
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", one.uri("a.img"), one.uri("b.img"))
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", tmp_path / "same", one.uri("b.img"))
    assert (images / "b.img").read_bytes() == data


@needs_qemu
@pytest.mark.parametrize("sector", [128, 256, 512, 4096])
def test_patterns_at_the_edges_of_sectors(serve, images, nbdkit, sector):
    """Writes of every kind of edge; each keeps what is beside it. qemu-io asks in blocks of 1 byte."""
    model = bytearray(make_image(images / "a.img", 64 << 10, 5))
    one = nbdkit(serve(images).url("a.img", sector))
    choice = random.Random(sector)
    commands = []
    for pattern in range(1, 60):
        edge = choice.choice([128, 256, 512, 4096]) * choice.randrange(2, 10)
        offset = edge + choice.choice([-129, -2, -1, 0, 1, 127])
        length = choice.choice([1, 2, 127, 128, 129, 255, 257, 511, 512, 513, 4097])
        kind = choice.choice(["write -P %d", "write -f -P %d", "write -z", "write -zu"])
        commands.append(((kind % pattern) if "%" in kind else kind) + f" {offset} {length}")
        model[offset:offset + length] = bytes([pattern if "%" in kind else 0]) * length
    qemu_io(one.uri(), *commands, "flush")
    assert (images / "a.img").read_bytes() == model
    for offset, length in ((0, 1), (127, 2), (511, 513), (4095, 4098)):
        said = qemu_io(one.uri(), f"read -v {offset} {length}")
        got = bytes(int(byte, 16) for line in re.findall(r"^[0-9a-f]{8}:((?:  ?[0-9a-f]{2})+)  ", said, re.M)
                    for byte in line.split())
        assert got == model[offset:offset + length]


@needs_qemu
def test_trim_and_zero(serve, images, nbdkit):
    model = bytearray(make_image(images / "a.img", 1 << 20, 5))
    one = nbdkit(serve(images).url("a.img", 512))
    qemu_io(one.uri(), "discard 512k 64k", "write -z 100 5000", "flush")
    model[512 << 10:576 << 10] = bytes(64 << 10)
    model[100:5100] = bytes(5000)
    assert (images / "a.img").read_bytes() == model


@needs_fio
def test_many_jobs_over_a_path_that_damages(serve, images, nbdkit, tmp_path, path_to):
    """fio checks all that it wrote, by checksums of its own."""
    make_image(images / "a.img", 2 << 20)
    one = nbdkit(f"blockhead://{path_to(serve(images), '--drop', 3, '--double', 3, '--reorder', 5)}/a.img")
    run("fio", "--name=v", "--ioengine=nbd", f"--uri={one.uri()}", "--rw=randrw", "--bsrange=512-16k",
        "--bs_unaligned=1", "--iodepth=8", "--size=2m", "--verify=crc32c", "--verify_fatal=1", "--randseed=7",
        "--verify_state_save=0", timeout=200)


def test_killed_and_restarted_servers_are_not_noticed(serve, images, nbdkit, tmp_path):
    make_image(images / "a.img", 8 << 20)
    data = make_image(tmp_path / "in", 8 << 20, 7)
    server = serve("--state", tmp_path / "state", images)
    one = nbdkit(server.url("a.img", 512))
    copy = threading.Thread(target=run, args=("nbdcopy", "--flush", "--connections=1", "--request-size=4096",
                                              tmp_path / "in", one.uri()))
    copy.start()
    for _ in range(5):
        server.kill()
        server.end = lambda: None
        server = serve("--state", tmp_path / "state", images, listen=(f"udp:{server.name}",))
    copy.join(120)
    assert (images / "a.img").read_bytes() == data
    run("nbdcopy", one.uri(), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


def test_two_connections_use_one_session(serve, images, nbdkit, blockhead):
    make_image(images / "a.img", 1 << 20, 1)
    server = serve(images)
    one = nbdkit(server.url("a.img"), "linger=0")
    for _ in range(3):
        run("nbdinfo", one.uri())  # opens it twice
    wait_until(lambda: one.log().count("closing \"a.img\"") >= 1)
    run("nbdcopy", "--connections=4", one.uri(), "null:")


def test_a_session_outlives_its_last_connection_a_little(serve, images, nbdkit):
    make_image(images / "a.img", 1 << 20, 1)
    one = nbdkit(serve(images).url("a.img"), "linger=600")
    for _ in range(3):
        run("nbdinfo", "--size", one.uri())
    assert one.log().count("opening blockhead://") == 1 and 'closing "a.img"' not in one.log()


def test_a_volume_that_another_has_is_refused_with_a_sentence(serve, images, nbdkit):
    make_image(images / "a.img", 1 << 20, 1)
    server = serve(images)
    holder = nbdkit(server.url("a.img"), "linger=600")
    run("nbdinfo", "--size", holder.uri())
    other = nbdkit(server.url("a.img"), "wait=0")
    run("nbdinfo", "--size", other.uri(), code=1)
    assert "cannot open blockhead://" in other.log() and "in use" in other.log()
    look = nbdkit(server.url("a.img"), "look=yes")
    assert int(run("nbdinfo", "--size", look.uri())) == 1 << 20
    assert "is_read_only: true" in run("nbdinfo", look.uri())


def test_a_volume_is_waited_for(serve, images, nbdkit):
    make_image(images / "a.img", 1 << 20, 1)
    server = serve(images)
    waiting = nbdkit(server.url("a.img"), "wait=60")
    with server.peer() as peer:
        session = peer.open("a.img")
        thread = threading.Thread(target=run, args=("nbdcopy", waiting.uri(), "null:"))
        thread.start()
        wait_until(lambda: "opening blockhead://" in waiting.log())
        thread.join(0.2)
        assert thread.is_alive() and session.alive()
        session.discon()
    thread.join(60)
    assert '"a.img": 1048576 bytes' in waiting.log() and "error" not in waiting.log()


def test_images_that_are_not_there(serve, images, nbdkit):
    one = nbdkit(f"server={serve(images).name}")
    run("nbdinfo", "--size", one.uri("nothing.img"), code=1)
    assert "no such image" in one.log()
    run("nbdinfo", "--size", one.uri("a" * 300), code=1)
    assert "255 bytes" in one.log()


def test_a_server_that_vanished_is_an_error_in_time(serve, images, nbdkit):
    make_image(images / "a.img", 1 << 20, 1)
    server = serve(images)
    one = nbdkit(server.url("a.img"), "timeout=1", "linger=600")
    run("nbdinfo", "--size", one.uri())
    server.kill()
    server.end = lambda: None
    run("nbdcopy", one.uri(), "null:", code=1)
    assert "cannot read sector 0 of blockhead://" in one.log()
    run("nbdinfo", "--size", nbdkit(server.url("a.img"), "timeout=1").uri(), code=1)


@needs_qemu
def test_an_image_that_was_cut_short_is_an_error(serve, images, nbdkit):
    make_image(images / "a.img", 1 << 20, 1)
    one = nbdkit(serve(images).url("a.img"))
    assert "4 KiB" in qemu_io(one.uri(), "read 512k 4k")
    os.truncate(images / "a.img", 4096)
    assert "Input/output error" in qemu_io(one.uri(), "read 512k 4k", code=1)
    assert "cannot read sector 128 of" in one.log()


@needs_qemu
def test_a_server_that_forgot_the_session_is_opened_anew(serve, images, nbdkit, tmp_path):
    """It comes back without its state: the image may be another now, but who connects has seen neither."""
    make_image(images / "a.img", 1 << 20, 1)
    server = serve("--state", tmp_path / "state", images)
    one = nbdkit(server.url("a.img"), "linger=600", "timeout=5")
    qemu_io(one.uri(), "write -P 1 0 4k", "flush")
    server.kill()
    server.end = lambda: None
    serve("--state", tmp_path / "other", images, listen=(f"udp:{server.name}",))
    assert "4 KiB" in qemu_io(one.uri(), "read -P 1 0 4k")
    assert one.log().count("opening blockhead://") == 2
