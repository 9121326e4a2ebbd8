# SPDX-License-Identifier: MIT
"""Reads the vectors beside this file; README.md has the notation."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
KEYS = {"name", "from", "hex", "means", "expect", "session", "note"}
TOKEN = re.compile(r"\s*(?:'([^']*)'|([0-9A-Fa-f]{2}|\.\.)(?:x(\d+))?)")
ANY = None


def parse_pattern(text):
    """A list of byte values, with ANY where the text has `..`."""
    pattern, at = [], 0
    text = text.strip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if not token:
            raise ValueError(f"not in the notation of a vector: {text[at:]!r}")
        string, pair, times = token.groups()
        if string is not None:
            pattern += string.encode("ascii")
        else:
            value = ANY if pair == ".." else int(pair, 16)
            pattern += [value] * int(times or 1)
        at = token.end()
    return pattern


def parse_bytes(text):
    return bytes(parse_pattern(text))


def matches(pattern, data):
    return len(pattern) == len(data) and all(
        want is ANY or want == got for want, got in zip(pattern, data))


def parse_file(path):
    vector = {}
    for number, line in enumerate(path.read_text("ascii").splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if vector:
                yield vector
            vector = {}
            continue
        key, colon, value = line.partition(":")
        if not colon or key not in KEYS or key in vector:
            raise ValueError(f"{path}:{number}: not a line of a vector: {line!r}")
        vector[key] = value.strip()


def load():
    """All vectors, by name; `bytes` and, for a client's, `replies` are parsed."""
    vectors = {}
    for path in sorted(HERE.glob("*.txt")):
        for vector in parse_file(path):
            if vector["name"] in vectors:
                raise ValueError(f"{path}: {vector['name']} is there twice")
            vector["bytes"] = parse_bytes(vector["hex"])
            if vector["from"] == "client" and vector["expect"] != "silence":
                vector["replies"] = [parse_pattern(reply) for reply in vector["expect"].split("|")]
            vectors[vector["name"]] = vector
    return vectors


def opcodes():
    """(code, NAME) of each row of the one table of opcodes, as text."""
    table = HERE.parent.parent / "src/wire/opcode.def"
    return re.findall(r"^BH_OPCODE\((\d+), (\w+),", table.read_text(), re.M)
