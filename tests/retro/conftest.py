# SPDX-License-Identifier: MIT
"""The same servers as in tests/e2e, for clients that are other machines."""
import importlib.util
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("e2e", HERE.parent / "e2e" / "conftest.py")
e2e = importlib.util.module_from_spec(spec)
sys.modules["e2e"] = e2e
spec.loader.exec_module(e2e)
sys.path.insert(0, str(HERE))  # before those of tests/e2e

from e2e import images, pytest_configure, pytest_sessionstart, serve, serve_module  # noqa: E402, F401
import processors  # noqa: E402


# Of these the short form has the first two machines alone.
LONGER = ("test_the_daemon_has", "test_a_server_that", "test_a_machine_that")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.name.startswith(LONGER) and item.name.endswith(("[avrhost]", "[qemum68k]")):
            item.add_marker("long")
    e2e.pytest_collection_modifyitems(config, items)


@pytest.fixture(params=processors.ALL, ids=lambda processor: type(processor).__name__.lower())
def processor(request):
    """Each whose compiler is there."""
    missing = request.param.missing()
    if missing:
        pytest.skip(missing)
    return request.param
