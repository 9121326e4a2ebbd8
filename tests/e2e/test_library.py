# SPDX-License-Identifier: MIT
"""libblockhead as others find it: what is installed, what it shows, and what is said of that."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, make_image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = (ROOT / "src/client/blockhead.h").read_text()
PAGE = (ROOT / "man/blockhead.3").read_text()
DECLARED = set(re.findall(r"^[^\s/*#].*?\b(bh_\w+)\(", HEADER, re.M))

needs_meson = pytest.mark.skipif(not shutil.which("meson"), reason="meson is not installed")
needs_pkg_config = pytest.mark.skipif(not shutil.which("pkg-config"), reason="pkg-config is not installed")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=120,
                          **options).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory into which everything was installed, as if it were /."""
    if not shutil.which("meson"):
        pytest.skip("meson is not installed")
    root = tmp_path_factory.mktemp("root")
    run("meson", "install", "--no-rebuild", "--quiet", "-C", BUILD, "--destdir", root)
    return root


def find(installed, name):
    found = [path for path in installed.rglob(name)]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def test_there_are_declarations():
    assert len(DECLARED) > 40 and "bh_disk_pread" in DECLARED


def test_the_library_is_installed_with_its_soname_header_and_pages(installed):
    library = find(installed, "libblockhead.so.0.*")
    soname = re.search(r"SONAME.*\[(.*)\]", run("readelf", "-d", library))[1]
    assert soname == "libblockhead.so.0"
    for link in (soname, "libblockhead.so"):
        assert (library.parent / link).resolve() == library.resolve()
    for name in ("blockhead.h", "blockhead.pc", "libblockhead.a", "blockhead.3", "blockhead.1"):
        find(installed, name)


def test_the_library_shows_its_header_and_nothing_else(installed):
    """Each name under the version that brought it, so that a program knows what it needs."""
    lines = run("nm", "-D", "--defined-only", "--with-symbol-versions", find(installed, "libblockhead.so.0.*"))
    shown = [line.split()[-1] for line in lines.splitlines() if " A " not in line]
    assert {name.partition("@")[0] for name in shown} == DECLARED
    assert {name.partition("@@")[2] for name in shown} == {"BLOCKHEAD_0"}


def test_the_library_needs_nothing_but_libc(installed):
    """A sanitizer's run-time library is there in a build with sanitizers."""
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", find(installed, "libblockhead.so.0.*")))
    assert {name for name in needed if not re.match(r"lib(asan|ubsan)\.", name)} == {"libc.so.6"}


def test_every_call_is_in_the_man_page():
    synopsis, description = PAGE.split(".Sh DESCRIPTION")
    assert set(re.findall(r"^\.Fn (bh_\w+)", synopsis, re.M)) == DECLARED
    said = set(re.findall(r"^\.Fn (bh_\w+)", description, re.M))
    one_for_all = {name for name in DECLARED if name.startswith("bh_disk_start_")}
    assert DECLARED - said - one_for_all == set()


def test_parameters_of_the_man_page_are_those_of_the_header():
    code = " ".join(re.sub(r"/\*.*?\*/", " ", HEADER, flags=re.S).split())
    for name, arguments in re.findall(r"^\.Fn (bh_\w+)(.*)$", PAGE.split(".Sh DESCRIPTION")[0], re.M):
        listed = re.findall(r'"([^"]*)"', arguments) or arguments.split()
        assert re.search(rf"\b{name}\({re.escape(', '.join(listed))}\);", code), f"{name}({', '.join(listed)})"


def test_programs_of_the_man_page_are_the_examples():
    examples = PAGE[PAGE.index(".Sh EXAMPLES"):]
    for name, text in zip(("boot.c", "volume.c"), re.findall(r"\.Bd -literal\n(.*?)\.Ed\n", examples, re.S), strict=True):
        assert (ROOT / "examples" / name).read_text().endswith("*/\n" + text.replace("\\e", "\\")), name


def build_example(installed, name, tmp_path):
    """The command that runs an example, built with what is installed."""
    pc = find(installed, "blockhead.pc")
    env = os.environ | {"PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    flags = run("pkg-config", "--cflags", "--libs", "blockhead", env=env).split()
    library = find(installed, "libblockhead.so.0.*")
    sanitized = ["-fsanitize=address,undefined"] if b"__asan_init" in library.read_bytes() else []
    run("cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-pthread", *sanitized, "-D_DEFAULT_SOURCE",
        "-o", tmp_path / "program", ROOT / "examples" / name, *flags)
    return ["env", f"LD_LIBRARY_PATH={library.parent}", tmp_path / "program"]


@needs_pkg_config
@pytest.mark.parametrize("name, printed", [
    ("boot.c", lambda image: image[:512]),
    ("volume.c", lambda image: image),
    ("threads.c", lambda image: b"%d\n" % sum(image)),
])
def test_examples_are_built_and_run_with_what_is_installed(installed, serve, images, tmp_path, name, printed):
    make_image(images / "a.img", 300 * 512, 1)
    server = serve(images)
    program = build_example(installed, name, tmp_path)
    done = subprocess.run([*program, server.url("a.img")], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == printed((images / "a.img").read_bytes())
    refused = subprocess.run([*program, server.url("none.img")], capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and "no such image" in refused.stderr


def test_the_header_is_one_for_cplusplus_too(tmp_path):
    compiler = shutil.which("c++") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C++ compiler is installed")
    run(compiler, "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", ROOT / "src/client/blockhead.h")
