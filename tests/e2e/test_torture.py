# SPDX-License-Identifier: MIT
"""A short torture: twelve kills under load. `make torture KILLS=300` is the long one; torture/run.py says what is checked."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import BUILD

RUN = pathlib.Path(__file__).parent / "torture/run.py"
KILLS = 12
KINDS = {"naive", "random", "counting", "strict", "posix", "window"}


def torture(directory, *arguments):
    """(exit code, summary, what was printed) of a run."""
    path = directory / "summary.json"
    command = [sys.executable, RUN, "--build", BUILD, "--json", path, *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    done = subprocess.run([str(word) for word in command], env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    return done.returncode, json.loads(path.read_text()), done.stdout


@pytest.fixture(scope="module")
def tortured(tmp_path_factory):
    code, summary, text = torture(tmp_path_factory.mktemp("torture"), "--kills", KILLS)
    print(text)
    return code, summary, text


def test_no_promise_is_broken_by_kills_and_a_damaging_path(tortured):
    code, summary, text = tortured
    assert (code, summary["violations"]) == (0, 0), text


def test_it_was_killed_as_often_as_asked_for(tortured):
    assert tortured[1]["kills"] == KILLS, tortured[2]


def test_every_kind_of_client_was_under_load(tortured):
    kinds = tortured[1]["kinds"]
    assert set(kinds) == KINDS, tortured[2]
    for kind, row in kinds.items():
        assert row["reads"] and row["writes"] and row["retransmissions"] and row["verified"], (kind, row)
        assert row["violations"] == 0, tortured[2]


def test_nobody_had_to_connect_again(tortured):
    assert tortured[1]["total"]["reconnections"] == 0, tortured[2]


def test_the_path_did_all_its_damage(tortured):
    path = tortured[1]["path"]
    assert path["seen"] > 1000, path
    for damage in ("dropped", "doubled", "reordered"):
        assert 0.02 < path[damage] / path["seen"] < 0.07, path


def test_a_daemon_that_keeps_nothing_is_noticed(tmp_path):
    """With --state none every client loses its session: if this run saw nothing, the other proves nothing."""
    code, summary, text = torture(tmp_path, "--kills", 1, "--state", "none")
    assert code == 1 and summary["violations"] > 0, text
