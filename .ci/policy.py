#!/usr/bin/env python3
"""Checks the dependency policy in deny.toml against Cargo.lock's real graph: licences, sources, floors, single versions."""

import functools
import json
import re
import subprocess
import sys
import tomllib


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met from the allowed licences (AND, OR, WITH, brackets)."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    at = 0

    def atom():
        nonlocal at
        token = tokens[at]
        at += 1
        if token == "(":
            value = either()
            at += 1
            return value
        if at < len(tokens) and tokens[at] == "WITH":
            token = f"{token} WITH {tokens[at + 1]}"
            at += 2
        return token in allowed

    def both():
        nonlocal at
        value = atom()
        while at < len(tokens) and tokens[at] == "AND":
            at += 1
            value = atom() and value
        return value

    def either():
        nonlocal at
        value = both()
        while at < len(tokens) and tokens[at] == "OR":
            at += 1
            value = both() or value
        return value

    return either()


def number(version):
    """The numeric part of a version, for comparison."""
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)\.(\d+)", version).groups())


def problems(policy, packages):
    """Every breach of the policy, as a sentence."""
    allowed = set(policy["licenses"]["allow"])
    exceptions = {e["crate"]: set(e["allow"]) for e in policy["licenses"].get("exceptions", [])}
    floors = policy["pishtar"]["floors"]
    versions = {}
    for p in packages:
        name, version = p["name"], p["version"]
        versions.setdefault(name, set()).add(version)
        if p["source"] is None:
            continue
        if p["source"] != "registry+https://github.com/rust-lang/crates.io-index":
            yield f"{name} {version} comes from {p['source']}, not from crates.io"
        licence = p["license"] or ""
        if not licence or not satisfied(licence, allowed | exceptions.get(name, set())):
            yield f"{name} {version}: licence '{licence}' is not on the list in deny.toml"
        if name in floors and number(version) < number(floors[name]):
            yield f"{name} {version} is older than {floors[name]}, below which it is known to crash or lose data"
    for name in policy["pishtar"]["single"]:
        if len(versions.get(name, {""})) > 1:
            yield f"{name} is in the build {len(versions[name])} times ({', '.join(sorted(versions[name]))}); one is enough"


@functools.cache
def built():
    """(name, version) of every package that a build or test of the workspace compiles."""
    tree = ["cargo", "tree", "--locked", "--workspace", "--prefix", "none", "--format", "{p}"]
    out = subprocess.run(tree, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    words = [line.split() for line in out.stdout.splitlines() if line]
    return {(w[0], w[1].removeprefix("v")) for w in words}


def main():
    """Prints the breaches; exit 1 if there are any."""
    with open("deny.toml", "rb") as f:
        policy = tomllib.load(f)
    out = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"],
        capture_output=True, text=True,
    )  # fmt: skip
    if out.returncode != 0:
        sys.exit(out.stderr)
    packages = [p for p in json.loads(out.stdout)["packages"] if (p["name"], p["version"]) in built()]
    found = list(problems(policy, packages))
    print("\n".join(found) or f"{len(packages)} packages follow deny.toml")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
