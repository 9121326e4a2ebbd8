# SPDX-License-Identifier: MIT
"""docs/protocol.md, the table of opcodes and the vectors agree; the house rules hold."""
import pathlib
import re
import subprocess
import sys

import pytest

import vectors

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
OPCODES = vectors.opcodes()
EXAMPLES = re.findall(r"^```vector (\S+)\n(.*?)^```", PROTOCOL, re.M | re.S)
ALL = vectors.load()


def test_there_are_opcodes_and_examples():
    assert len(OPCODES) >= 4 and len(EXAMPLES) >= 15


@pytest.mark.parametrize("code, name", OPCODES)
def test_opcode_has_a_section_and_a_vector(code, name):
    assert f"\n### {name} (opcode {code})\n" in PROTOCOL
    assert any(v["means"].startswith("COMMAND") and f" opcode {code} " in v["means"] and "replies" in v
               for v in ALL.values())


@pytest.mark.parametrize("name, hexes", EXAMPLES)
def test_example_is_the_vector(name, hexes):
    assert vectors.parse_bytes(" ".join(hexes.split())) == ALL[name]["bytes"]


@pytest.mark.parametrize("kind", ["KEEP", "CONNECT ", "COMMAND ", "DISCON ", "CONNECT-REPLY", "COMMAND-REPLY",
                                  "DISCON-REPLY", "STRICT-COMMAND", "STRICT-DISCON", "STRICT-KEEP", "STRICT-REPLY",
                                  "IDENTIFY-DATA", "TIME-DATA", "bad format", "nothing"])
def test_kind_of_packet_has_a_vector(kind):
    assert any(v["means"].startswith(kind) for v in ALL.values())


def test_every_constant_of_the_source_is_in_the_protocol():
    header = (ROOT / "src/wire/protocol.h").read_text()
    codes = re.findall(r"BH_(?:ERR_\w+|OK) = (\d+)", header)
    table = PROTOCOL.split("## 5 ")[1].split("## 6 ")[0]
    listed = {int(number) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.M) for number in row.split(",")}
    assert listed == {int(code) for code in codes}
    for flag in re.findall(r"BH_FLAG_\w+ (0x\w\w)u", header):
        assert flag in PROTOCOL


def test_the_record_of_list_has_64_bytes():
    record = re.search(r"^    (.*zork.*)$", PROTOCOL, re.M)[1]
    assert len(record + "\n") == 64
    assert record[:5].strip() == "7" and record[47:59].strip() == "143360" and record[60:] == "WE-"


def test_links_lead_somewhere():
    anchors = {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
               for title in re.findall(r"^#+ (.*)$", PROTOCOL, re.M)}
    assert set(re.findall(r"\]\(#([^)]*)\)", PROTOCOL)) <= anchors


def test_seeds_are_the_vectors(tmp_path):
    subprocess.run([sys.executable, ROOT / "tests/vectors/seeds.py", tmp_path], check=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: vector["bytes"] for name, vector in ALL.items()}


def run_includes(*arguments):
    return subprocess.run([sys.executable, ROOT / "tests/includes.py", *arguments], capture_output=True, text=True)


def test_nobody_includes_what_he_must_not():
    result = run_includes()
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path, line, fault", [
    ("wire/a.c", '#include "core/server.h"', "wire must not include"),
    ("wire/a.c", "#include <stdio.h>", "is pure"),
    ("core/a.c", "#include <time.h>", "is pure"),
    ("core/a.c", '#include "volume/file.h"', "core must not include"),
    ("volume/a.c", '#include "core/session.h"', "volume must not include"),
    ("cli/a.c", '#include "tiny/tiny.h"', "cli must not include"),
    ("daemon/a.c", '#include "client/blockhead.h"', "daemon must not include"),
    ("net/a.c", '#include "../core/job.h"', "climbs"),
    ("wire/a.h", "uint8_t alone(void);", "does not compile alone"),
    ("wire/a.h", "#include <stdint.h>\nstatic long long eight; // C99", "does not compile alone"),
])
def test_includes_py_finds(tmp_path, path, line, fault):
    (tmp_path / path).parent.mkdir()
    (tmp_path / path).write_text(line + "\n")
    result = run_includes(tmp_path)
    assert result.returncode == 1 and fault in result.stderr
