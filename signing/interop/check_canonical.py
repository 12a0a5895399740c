"""Canonical JSON of `pishtar-signing` compared with securesystemslib's on seeded random values.

    check_canonical.py [SEED]     the program is target/debug/examples/canonical, or CANONICAL=path
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from securesystemslib.formats import encode_canonical

ROOT = Path(__file__).resolve().parent.parent.parent
CANONICAL = os.environ.get("CANONICAL", str(ROOT / "target/debug/examples/canonical"))
VALUES = 20_000
# Code points by script, with what normalisation would change; then everything else.
SCRIPTS = [
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0x9F), (0xC0, 0x17F), (0x300, 0x36F), (0x400, 0x4FF),
    (0x600, 0x6FF), (0x900, 0x97F), (0xAC00, 0xAC40), (0x1100, 0x11FF), (0x200B, 0x202E), (0xFB00, 0xFDFF),
    (0xE000, 0xE0FF), (0xFFF0, 0xFFFF), (0x1F600, 0x1F64F), (0x10FFF0, 0x10FFFF),
]
INTEGERS = [0, 1, -1, 2**31, 2**53 + 1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1]


def text(draw):
    """A string that mixes scripts."""
    letters = []
    for _ in range(draw.randrange(10)):
        first, last = draw.choice(SCRIPTS)
        letters.append(chr(draw.randint(first, last)) if draw.random() < 0.9 else draw.choice('"\\/'))
    return "".join(letters)


def value(draw, depth=0):
    """A JSON value of at most five levels."""
    kind = draw.randrange(10 if depth < 5 else 7)
    if kind == 0:
        return draw.choice([None, True, False])
    if kind == 1:
        return draw.choice(INTEGERS + [draw.randint(-(2**63), 2**64 - 1)])
    if kind < 7:
        return text(draw)
    if kind == 7:
        return [value(draw, depth + 1) for _ in range(draw.randrange(5))]
    return {text(draw): value(draw, depth + 1) for _ in range(draw.randrange(6))}


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    draw = random.Random(seed)
    values = [value(draw) for _ in range(VALUES)]
    # Escaped and plain, so that both ways of writing a character are read.
    lines = [json.dumps(v, ensure_ascii=draw.random() < 0.5) for v in values]
    done = subprocess.run([CANONICAL], input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(found) == VALUES
    for line, ours, original in zip(lines, found, values):
        theirs = encode_canonical(original).encode().hex()
        assert ours == theirs, f"seed {seed}: {line}\nours   {ours}\ntheirs {theirs}"
    refused = ["1.5", "1.0", "1e2", "18446744073709551616", '{"a":1,"a":2}', "[" * 65 + "]" * 65, '"\\ud800"', "{"]
    done = subprocess.run([CANONICAL], input="\n".join(refused) + "\n", capture_output=True, encoding="utf-8", timeout=10)
    assert all(line.startswith("refused ") for line in done.stdout.splitlines()), done.stdout
    assert len(done.stdout.splitlines()) == len(refused)
    print(f"{VALUES} values have the same canonical form; {len(refused)} are refused (seed {seed})")


main()
