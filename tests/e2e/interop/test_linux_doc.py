# SPDX-License-Identifier: MIT
"""docs/linux.md: each block of commands does what it says, with addresses of its own."""
import os
import pathlib
import re
import subprocess

import pytest

from conftest import make_image
from plugin import IS_SANITIZED, PLUGIN, needs_plugin, needs_qemu, run

TEXT = (pathlib.Path(__file__).resolve().parents[3] / "docs/linux.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S)

pytestmark = [*needs_plugin, needs_qemu, pytest.mark.timeout(120)]


def test_there_are_blocks():
    assert len(BLOCKS) >= 5


@pytest.mark.long
@pytest.mark.skipif(IS_SANITIZED, reason="these nbdkits know nothing of sanitizers")
@pytest.mark.parametrize("block", BLOCKS, ids=[f"{number}" for number in range(1, len(BLOCKS) + 1)])
def test_block_works(serve, images, tmp_path, block):
    if "nbdfuse" in block and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse cannot be used")
    make_image(images / "disk.img", 1 << 20, 1)
    run("/usr/sbin/mkfs.fat", images / "disk.img")
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", images / "disk.img", tmp_path / "mine.qcow2")
    server = serve(images)
    script = block.replace("192.168.1.9", server.name).replace("/run/", f"{tmp_path}/")
    script = script.replace(" blockhead ", f" {PLUGIN} ")
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=100, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"


def test_links_lead_somewhere():
    anchors = {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
               for title in re.findall(r"^#+ (.*)$", TEXT, re.M)}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors
