#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom: docs/design.md's house, as a check.

includes.py [SRC]: ends with 1, and a sentence for each include that breaks a rule and each header that does not compile
alone.
"""
import os
import pathlib
import re
import subprocess
import sys

# Each layer, and what of the others it may include: a layer or one header.
MAY = {
    "wire": [],
    "crc": [],
    "core": ["wire"],
    "tiny": ["wire"],
    "volume": ["wire", "core/job.h", "crc"],
    "net": ["wire"],
    "client": ["wire", "tiny", "net"],
    "cli": ["client", "crc", "mount/mount.h"],
    "mount": ["client", "cli", "volume/partition.h"],
    "ctl": ["cli/exit_code.h", "cli/front.h", "cli/message.h", "cli/number.h", "cli/size.h", "cli/text.h",
            "daemon/value.h", "daemon/where.h"],
    "daemon": ["wire", "core", "volume", "net", "crc"],
}

# Pure layers: bytes in, bytes out. No other system header than these.
PURE = {
    "wire": {"stddef.h", "stdint.h"},
    "tiny": {"stddef.h", "stdint.h"},
    "core": {"assert.h", "inttypes.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
C89 = ["-std=c89", "-pedantic"]
C11 = ["-std=gnu11", "-D_GNU_SOURCE"]


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1] == '"', found[2]


def allowed(layer, name):
    other = name.split("/")[0]
    return other == layer or other in MAY[layer] or name in MAY[layer]


def faults_of(src, path):
    """Sentences on the includes of one file."""
    layer = path.relative_to(src).parts[0]
    if layer not in MAY:
        yield f"{path}: {layer}/ is a layer that tests/includes.py does not know."
        return
    for number, ours, name in includes(path):
        where = f"{path}:{number}"
        if not ours:
            if layer in PURE and name not in PURE[layer]:
                yield f"{where}: {layer} is pure and must not include <{name}>."
        elif ".." in name.split("/"):
            yield f'{where}: "{name}" climbs; includes begin at src/.'
        elif "/" in name and not allowed(layer, name):
            yield f'{where}: {layer} must not include "{name}".'
        elif "/" not in name and not (path.parent / name).exists():
            yield f'{where}: "{name}" is not beside the file; other layers\' headers are named with their directory.'


def compile_fault(src, header):
    """A sentence if the header does not compile alone, else None."""
    layer = header.relative_to(src).parts[0]
    standard = C89 if layer in ("wire", "tiny") else C11
    command = [*os.environ.get("CC", "gcc").split(), "-fsyntax-only", *standard, *WARNINGS,
               "-I", str(src), "-x", "c", "-"]
    source = f'#include "{header.relative_to(src)}"\ntypedef int not_empty;\n'
    result = subprocess.run(command, input=source, capture_output=True, text=True)
    if result.returncode != 0:
        return f"{header}: does not compile alone:\n{result.stderr}"
    return None


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "src"
    src = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    sources = sorted(p for p in src.rglob("*") if p.suffix in (".c", ".h", ".def"))
    headers = [p for p in sources if p.suffix == ".h"]
    faults = [fault for path in sources for fault in faults_of(src, path)]
    faults += filter(None, (compile_fault(src, header) for header in headers))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(sources)} files, {len(headers)} headers: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
