# SPDX-License-Identifier: MIT
"""The plugin with servers that lie, answer late, twice, or never what was asked: each time an error that says what is
wrong, in time, or the right bytes; and once the server speaks the truth again, so does the plugin."""
import random
import subprocess

import pytest

import liar
from conftest import BUILD, SANITIZER, make_image, wait_until
from plugin import nbdkit, needs_plugin, path_to, run  # noqa: F401

SIZE = 256 << 10
FEATURES = 0x1F8F  # all there are

pytestmark = [*needs_plugin, pytest.mark.timeout(120)]


@pytest.fixture
def liars():
    made = []
    yield made
    for one in made:
        one.end()


@pytest.fixture
def lies(serve, images, liars, nbdkit):
    """lies(CHANGE): (nbdkit before a server whose replies are changed so, the liar, the image's bytes)"""
    data = make_image(images / "a.img", SIZE, 1)
    server = serve(images)

    def start(change):
        liars.append(liar.Liar(server))
        liars[-1].change = change
        one = nbdkit(f"server={liars[-1].name}", "image=a.img", "sector=512", "timeout=1", "linger=0")
        return one, liars[-1], data

    yield start
    for one in liars:
        one.change = liar.truth  # so that its sessions can take their leave


def copy(one, to, code=0):
    return run("nbdcopy", "--connections=1", one.uri(), to, code=code, timeout=60)


def truth_again(one, server, data, to):
    """The next session is a good one."""
    server.change = liar.truth
    wait_until(lambda: one.log().count('closing "a.img"') == one.log().count('"a.img": '))
    copy(one, to)
    assert to.read_bytes() == data


def first(rows, short):
    """Some of them in each run, all of them in the long one."""
    return [pytest.param(value, id=name, marks=() if name in short else pytest.mark.long)
            for name, value in rows.items()]


REFUSED = {
    "magic": dict(magic=b"BLKX"), "exponent": dict(exponent=9), "another exponent": dict(exponent=3),
    "no features": dict(features=0), "too long": dict(count=1 << 62), "the longest": dict(count=(1 << 64) - 1),
    "wraps to little": dict(count=(1 << 55) + 1),
}


@pytest.mark.parametrize("fields", first(REFUSED, ["exponent", "no features", "wraps to little"]))
def test_what_makes_no_sense_is_refused(lies, tmp_path, fields):
    one, server, data = lies(liar.identity(**fields))
    run("nbdinfo", "--size", one.uri(), code=1, timeout=60)
    assert "cannot open blockhead://" in one.log() or "too old" in one.log(), one.log()
    truth_again(one, server, data, tmp_path / "out")


BORNE = {
    "window 0": dict(window=0), "window 1": dict(window=1), "window 65535": dict(window=65535),
    "run 0": dict(run=0), "run 1": dict(run=1), "run 65535": dict(run=65535),
    "lease 0": dict(lease=0), "lease 1": dict(lease=1), "lease 65535": dict(lease=65535),
    "no READ_RUN": dict(features=FEATURES & ~(1 << 11)), "unknown features": dict(features=0xFFFFFFFF),
    "name without end": dict(name=b"\xff" * 64), "name with lines": dict(name=b"a\n\x1b[2J\0".ljust(64, b"x")),
    "instance": dict(instance=0), "change": dict(change=(1 << 64) - 1), "flags": dict(flags=0xFFC6),
}


@pytest.mark.parametrize("fields", first(BORNE, ["window 0", "run 65535", "lease 1", "name with lines"]))
def test_what_is_odd_is_borne(lies, tmp_path, fields):
    one, server, data = lies(liar.identity(**fields))
    copy(one, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    truth_again(one, server, data, tmp_path / "out")


@pytest.mark.parametrize("heavy", [0, 1, *(pytest.param(value, marks=pytest.mark.long)
                                          for value in (511, 512, 4096, 0xFFFFFFFF))])
def test_the_length_of_a_trim_may_be_anything(lies, images, heavy):
    one, server, data = lies(liar.identity(heavy=heavy))
    subprocess.run(["qemu-io", "-f", "raw", "-c", "write -z 1000 70000", "-c", "flush", one.uri()],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    server.change = liar.truth
    written = (images / "a.img").read_bytes()
    assert written in (data, data[:1000] + bytes(70000) + data[71000:])


def test_a_volume_that_is_longer_than_it_is(lies, tmp_path):
    one, server, data = lies(liar.identity(count=SIZE // 512 + 64))
    copy(one, tmp_path / "out", code=1)
    assert "bad logical sector number" in one.log() or "cannot read sector" in one.log(), one.log()
    truth_again(one, server, data, tmp_path / "out")


def test_a_volume_that_is_shorter_than_it_is(lies, tmp_path):
    one, server, data = lies(liar.identity(count=SIZE // 1024))
    copy(one, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data[:SIZE // 2]
    truth_again(one, server, data, tmp_path / "out")


NEVER = {
    "nothing": lambda datagram: [], "halves": lambda datagram: [datagram[:len(datagram) // 2]],
    "one byte more": lambda datagram: [datagram + b"\0"], "one byte less": lambda datagram: [datagram[:-1]],
    "another number": lambda datagram: [datagram[:3] + bytes([datagram[3] ^ 1]) + datagram[4:]],
    "another session": lambda datagram: [datagram[:-1] + bytes([datagram[-1] ^ 1])] if len(datagram) == 5 else [],
    "noise": lambda datagram: [bytes(reversed(datagram))], "requests": lambda datagram: [b"\1" + datagram[1:]],
    "CONNECTs": lambda datagram: [b"\0" + datagram[1:]], "long ones": lambda datagram: [datagram.ljust(16384, b"x")],
}


@pytest.mark.parametrize("change", first(NEVER, ["noise"]))
def test_what_is_no_answer_is_a_fault_in_time(lies, tmp_path, change):
    """From the first datagram on, and from the first with data on."""
    one, server, data = lies(change)
    run("nbdinfo", "--size", one.uri(), code=1, timeout=60)
    server.change = lambda datagram: change(datagram) if liar.is_data(datagram) else [datagram]
    copy(one, tmp_path / "out", code=1)
    assert "did not answer" in one.log() or "no answer" in one.log() or "timed out" in one.log(), one.log()
    truth_again(one, server, data, tmp_path / "out")


@pytest.mark.long
@pytest.mark.parametrize("code, more", [
    (3, b""), (5, b""), (6, b""), (12, b""), (12, b"more"), (13, b""), (14, b""), (15, b""), (16, b""),
    (16, b"\0\0"), (16, b"\xff\xff"), (17, b""), (99, b""), (255, b"")])
def test_errors_of_every_kind(lies, tmp_path, code, more):
    one, server, data = lies(liar.status(code, more))
    copy(one, tmp_path / "out", code=1)
    assert "cannot read" in one.log(), one.log()
    truth_again(one, server, data, tmp_path / "out")


@pytest.mark.parametrize("code", [10, 11, *(pytest.param(code, marks=pytest.mark.long) for code in (8, 9))])
def test_errors_that_end_a_session(lies, tmp_path, code):
    one, server, data = lies(liar.status(code))
    copy(one, tmp_path / "out", code=1)
    truth_again(one, server, data, tmp_path / "out")


def mutations(seed):
    """A change: half of the replies are spoilt, each in a way of its own."""
    choice = random.Random(seed)

    def change(datagram):
        out = bytearray(datagram)
        kind = choice.randrange(10)
        if kind == 0:
            return [bytes(out[:choice.randrange(len(out) + 1)])]
        if kind == 1:
            return [bytes(out) + choice.randbytes(choice.randrange(600))]
        if kind == 2:
            return [choice.randbytes(choice.randrange(1, 200)), datagram]
        if kind in (3, 4):
            at = choice.choice([2, choice.randrange(min(len(out), 60)), choice.randrange(len(out))])
            out[at] = choice.choice([0, 1, 4, 11, 255, choice.randrange(256)])
        return [bytes(out)]

    return change


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))])
def test_noise_of_every_kind(lies, tmp_path, seed):
    """Whatever comes: an end in time, and nothing that a sanitizer would see."""
    one, server, data = lies(mutations(seed))
    url = f"blockhead://{server.name}/a.img"
    for words in (["nbdinfo", one.uri()], ["nbdcopy", one.uri(), tmp_path / "out"],
                  ["qemu-io", "-f", "raw", "-c", "write 1000 20000", "-c", "write -z 0 64k", "-c", "flush", one.uri()]):
        run(*words, code=None, timeout=100)
    (tmp_path / "given").write_bytes(data)
    commands = [["get", url, tmp_path / "out"], ["info", url], ["ls", server.name], ["checksum", url],
                ["put", tmp_path / "given", url], ["sync", tmp_path / "given", url]]
    for words in commands[:2 if seed == 1 else None]:
        ends(BUILD / "blockhead", words[0], "--timeout", 1, *words[1:])


def ends(*command):
    """By itself, with one of the command's exit codes."""
    done = subprocess.run([str(word) for word in command], capture_output=True, stdin=subprocess.DEVNULL, timeout=100,
                          text=True, check=False)
    assert not SANITIZER.search(done.stderr), done.stderr
    assert 0 <= done.returncode < 128, (command, done)


def test_a_server_that_forgets_and_remembers(lies, tmp_path):
    """It says that it knows no such session, and still has it: until its lease has run out, it is in use."""
    one, server, _ = lies(liar.status(4))
    copy(one, tmp_path / "out", code=1)
    server.change = liar.truth
    run("nbdinfo", "--size", one.uri(), code=1, timeout=60)
    assert "in use" in one.log()


def test_answers_that_come_twice_or_late(lies, tmp_path):
    held = []

    def change(datagram):
        """Each twice, and once more when the next seven have come."""
        held.append(datagram)
        return [datagram, datagram, *([held.pop(0)] if len(held) > 7 else [])]

    one, server, data = lies(change)
    copy(one, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    truth_again(one, server, data, tmp_path / "out")
