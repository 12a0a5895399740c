"""python-tuf and `tuf-client` follow what `pishtar ministry` publishes: every file, titles in three scripts, every key
rotated, an update.

    check_published.py        the programs are those in target/debug, or PISHTAR=path and TUF_CLIENT=path
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from tuf.ngclient import Updater

from serve import serving

ROOT = Path(__file__).resolve().parent.parent.parent
PISHTAR = os.environ.get("PISHTAR", str(ROOT / "target/debug/pishtar"))
TUF_CLIENT = os.environ.get("TUF_CLIENT", str(ROOT / "target/debug/tuf-client"))
SAMPLES = ROOT / "node/samples"


def ministry(*arguments):
    """Runs one command of the workshop."""
    done = subprocess.run([PISHTAR, "ministry", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"pishtar ministry {' '.join(map(str, arguments))}: {done.stderr}")


def publish(workshop, samples=None):
    """Adds a folder of samples, signs, publishes."""
    if samples:
        ministry("add", workshop, "--from", SAMPLES / samples, "--csv", SAMPLES / samples / "lessons.csv")
    ministry("sign", workshop)
    ministry("publish", workshop)


def newest(metadata, role):
    """A role's newest published file."""
    versions = [int(p.name.split(".")[0]) for p in metadata.glob(f"*.{role}.json")]
    return json.loads((metadata / f"{max(versions)}.{role}.json").read_bytes())["signed"]


def listed(metadata):
    """Every path that the present catalogue lists, with what it says of it."""
    top = newest(metadata, "targets")
    files = dict(top["targets"])
    for role in top.get("delegations", {}).get("roles", []):
        files.update(newest(metadata, role["name"])["targets"])
    return files


def titles(samples):
    """Titles in the table of samples."""
    with open(SAMPLES / samples / "lessons.csv", encoding="utf-8-sig", newline="") as table:
        rows = csv.DictReader(table)
        return {value for row in rows for name, value in row.items() if name and name.startswith("title") and value}


def follow_strictly(scratch, address, root, metadata):
    """`tuf-client` downloads everything into a folder of its own."""
    trusted, downloaded = scratch / "trusted", scratch / "downloaded"
    command = [TUF_CLIENT, "--metadata-dir", trusted, "--metadata-url", f"{address}/metadata"]
    if not trusted.exists():
        subprocess.run([*command, "init", root], check=True, timeout=60)
    names = [argument for path in listed(metadata) for argument in ("--target-name", path)]
    command += ["--target-base-url", f"{address}/targets", "--target-dir", downloaded, *names, "download"]
    subprocess.run(command, check=True, timeout=60)
    for path, entry in listed(metadata).items():
        content = (downloaded / quote(path, safe="")).read_bytes()
        assert sha256(content).hexdigest() == entry["hashes"]["sha256"], path


class Client:
    """python-tuf with a folder of its own."""

    def __init__(self, folder, address, root):
        self.folder, self.address, self.root = folder, address, root
        for name in ("metadata", "targets"):
            (folder / name).mkdir()

    def follow(self, metadata):
        """Refreshes and downloads everything. Number of files, and titles seen."""
        updater = Updater(
            str(self.folder / "metadata"), f"{self.address}/metadata/", str(self.folder / "targets"),
            f"{self.address}/targets/", bootstrap=self.root,
        )
        updater.refresh()
        files, seen = listed(metadata), set()
        for path, entry in files.items():
            info = updater.get_targetinfo(path)
            assert info is not None, f"python-tuf finds no {path}"
            assert info.custom == entry.get("custom"), path
            updater.download_target(info)
            seen.update((entry.get("custom", {}).get("lesson") or {}).get("title", {}).values())
        return len(files), seen

    def version(self, role):
        return json.loads((self.folder / "metadata" / f"{role}.json").read_bytes())["signed"]["version"]


def main():
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        workshop = scratch / "workshop"
        ministry("init", workshop)
        publish(workshop, "v1")
        published = workshop / "published"
        metadata = published / "metadata"
        root = (metadata / "1.root.json").read_bytes()
        with serving(published) as (address, _):
            client = Client(scratch, address, root)
            count, seen = client.follow(metadata)
            missing = titles("v1") - seen
            assert not missing, f"titles that did not arrive: {missing}"
            odd = [t for t in seen if any(ord(c) > 127 for c in t)]
            assert any("ë" in t for t in odd) and any("Ѐ" <= c <= "ӿ" for t in odd for c in t), odd
            follow_strictly(scratch, address, metadata / "1.root.json", metadata)
            print(f"first publication: {count} files, {len(seen)} titles, {len(odd)} of them beyond ASCII")

            for role in ("timestamp", "snapshot", "targets", "courses"):
                ministry("rotate", workshop, "--role", role)
            ministry("rotate", workshop, "--role", "root", "--replace", "root-1")
            publish(workshop)
            count, _ = client.follow(metadata)
            assert client.version("root") > 1
            follow_strictly(scratch, address, metadata / "1.root.json", metadata)
            print(f"every key rotated: root {client.version('root')}, {count} files")

            publish(workshop, "v2")
            count, seen = client.follow(metadata)
            missing = titles("v2") - seen
            assert not missing, f"titles that did not arrive: {missing}"
            follow_strictly(scratch, address, metadata / "1.root.json", metadata)
            print(f"updated lessons: snapshot {client.version('snapshot')}, {count} files")


main()
