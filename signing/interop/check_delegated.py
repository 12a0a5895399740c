"""Which delegation covers which path, compared with python-tuf's verdict on seeded random patterns, prefixes and bins.

    check_delegated.py [SEED]     the program is target/debug/examples/delegated, or DELEGATED=path
"""

import json
import os
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tuf.api.metadata import DelegatedRole, SuccinctRoles

ROOT = Path(__file__).resolve().parent.parent.parent
DELEGATED = os.environ.get("DELEGATED", str(ROOT / "target/debug/examples/delegated"))
EACH = 20_000


def some(draw, letters, most):
    return "".join(draw.choice(letters) for _ in range(draw.randrange(1, most)))


def glob_case(draw):
    """A path, and a pattern that is often made from it."""
    path = some(draw, "ab/c.ë-", 9)
    if draw.random() < 0.3:
        return some(draw, "ab/*?[]!-c", 9), path
    pattern = list(path)
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(pattern))
        pattern[at] = draw.choice(["*", "?", "[abc]", "[!/]", "[a-ë]", "[]]", "**", pattern[at], "[", "/"])
    return "".join(pattern), path


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    draw = random.Random(seed)
    lines, expected = [], []
    for _ in range(EACH):
        pattern, path = glob_case(draw)
        role = DelegatedRole("r", [], 1, False, paths=[pattern])
        lines.append(["paths", pattern, path])
        expected.append("true" if role.is_delegated_path(path) else "false")
    for _ in range(EACH // 10):
        path = some(draw, "abcë/", 12)
        digest = sha256(path.encode()).hexdigest()
        prefix = draw.choice([digest[: draw.randrange(6)], some(draw, "0123456789abcdef", 3)])
        role = DelegatedRole("r", [], 1, False, path_hash_prefixes=[prefix])
        lines.append(["path_hash_prefixes", prefix, path])
        expected.append("true" if role.is_delegated_path(path) else "false")
        bits = draw.randint(1, 32)
        lines.append(["succinct", bits, path])
        expected.append(SuccinctRoles([], 1, bits, "bin").get_role_for_target(path))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([DELEGATED], input=text, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(found) == len(expected)
    for line, ours, theirs in zip(lines, found, expected):
        assert ours == theirs, f"seed {seed}: {line}: we say {ours}, python-tuf {theirs}"
    covered = expected.count("true")
    assert EACH // 10 < covered < EACH, covered
    print(f"{len(lines)} verdicts are the same, {covered} of them that a path is covered (seed {seed})")


main()
