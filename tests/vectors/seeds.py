#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py DIR: writes each vector's bytes to a file of its own in DIR, as seeds for a fuzzer."""
import pathlib
import sys

import vectors


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, vector in vectors.load().items():
        (directory / name).write_bytes(vector["bytes"])


if __name__ == "__main__":
    main()
