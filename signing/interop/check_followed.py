"""`tuf-client` follows repositories that python-tuf signs here and now, with every kind of key and through rotations.

    check_followed.py        the program is target/debug/tuf-client, or TUF_CLIENT=path
"""

import json
import os
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
)

from serve import serving

ROOT = Path(__file__).resolve().parent.parent.parent
TUF_CLIENT = os.environ.get("TUF_CLIENT", str(ROOT / "target/debug/tuf-client"))
EXPIRES = datetime(2090, 1, 1, tzinfo=timezone.utc)
TOP = ("root", "timestamp", "snapshot", "targets")
KINDS = {
    "ed25519": CryptoSigner.generate_ed25519,
    "P-256": CryptoSigner.generate_ecdsa,
    "RSA-PSS": lambda: CryptoSigner.generate_rsa(size=2048),
    "P-384": lambda: CryptoSigner(ec.generate_private_key(ec.SECP384R1())),
    "RSA-PSS with SHA-512": lambda: CryptoSigner.generate_rsa(scheme="rsassa-pss-sha512", size=2048),
    "RSA PKCS #1 v1.5": lambda: CryptoSigner.generate_rsa(scheme="rsa-pkcs1v15-sha256", size=2048),
}


class Repository:
    """A repository in a folder; each role has one key of the given kind. A plain one has neither consistent snapshots
    nor hashes of metadata."""

    def __init__(self, folder, kinds, hashes, plain):
        self.folder, self.hashes, self.plain = folder, list(hashes), plain
        self.metadata = folder / "metadata"
        self.metadata.mkdir()
        self.signers = {role: KINDS[kind]() for role, kind in zip(TOP, kinds)}
        self.course_signer = KINDS[kinds[0]]()
        self.root = Root(expires=EXPIRES, consistent_snapshot=not plain)
        for role, signer in self.signers.items():
            # Fields that only this repository knows, as real tools add them; ids that are no hash of the key.
            signer.public_key.unrecognized_fields["x-keyowner"] = "@zyra-për-tekste"
            signer.public_key.keyid = f"çelësi {role} 1"
            self.root.add_key(signer.public_key, role)
        self.roles = {"targets": Targets(expires=EXPIRES)}
        self.snapshot, self.timestamp = Snapshot(expires=EXPIRES), Timestamp(expires=EXPIRES)
        self.delegate()
        self.write("1.root.json", self.root, [self.signers["root"]])
        self.publish()

    def delegate(self):
        """A course by paths, one by hash prefixes with an odd name, and hashed bins below the latter."""
        key = self.course_signer.public_key
        top = self.roles["targets"]
        course = DelegatedRole("math-6-sq", [key.keyid], 1, False, paths=["shkolla/*/*", "школа/*"])
        rest = DelegatedRole("të tjera/#", [key.keyid], 1, True, path_hash_prefixes=list("0123456789abcdef"))
        top.delegations = Delegations({key.keyid: key}, {course.name: course, rest.name: rest})
        bins = SuccinctRoles([key.keyid], 1, 3, "koshi")
        self.roles["math-6-sq"] = Targets(expires=EXPIRES)
        self.roles["të tjera/#"] = Targets(expires=EXPIRES, delegations=Delegations({key.keyid: key}, succinct_roles=bins))
        self.roles.update({name: Targets(expires=EXPIRES) for name in bins.get_roles()})
        self.files = {}
        for path in ("shkolla/1/thyesat ë.mp4", "shkolla/2/%2F?.txt", "школа/разломци.mp4"):
            self.add("math-6-sq", path)
        for number in range(20):
            path = f"free/{number}.txt"
            self.add(bins.get_role_for_target(path), path)
        self.add("targets", "lexo.txt")

    def add(self, role, path, content=None):
        """Lists a file and writes it under its hash-prefixed names."""
        content = content or f"content of {path}".encode()
        file = TargetFile.from_data(path, content, self.hashes)
        file.unrecognized_fields["custom"] = {"title": {"sq": "Thyesat ë", "sr-Cyrl": "Разломци", "odd": "\u0001\"\\é"}}
        self.roles[role].targets[path] = file
        self.files[path] = content
        folder, _, name = path.rpartition("/")
        names = [name] if self.plain else [f"{digest}.{name}" for digest in file.hashes.values()]
        for name in names:
            place = self.folder / "targets" / folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def write(self, name, content, signers):
        metadata = Metadata(content)
        for signer in signers:
            metadata.sign(signer, append=True)
        metadata.to_file(str(self.metadata / name))
        return (self.metadata / name).read_bytes()

    def listed(self, name, version, content, signer):
        """Writes a role's file, and gives what its lister says of it."""
        data = self.write(f"{name}.json" if self.plain else f"{version}.{name}.json", content, [signer])
        return MetaFile(version) if self.plain else MetaFile.from_data(version, data, self.hashes)

    def publish(self):
        """Writes all roles in their present versions."""
        for name, role in self.roles.items():
            signer = self.signers["targets"] if name == "targets" else self.course_signer
            self.snapshot.meta[f"{name}.json"] = self.listed(quote(name, ""), role.version, role, signer)
        self.timestamp.snapshot_meta = self.listed(
            "snapshot", self.snapshot.version, self.snapshot, self.signers["snapshot"]
        )
        self.write("timestamp.json", self.timestamp, [self.signers["timestamp"]])

    def rotate(self, role, kind):
        """Gives a role a new key in the next root; other versions begin anew after the floors are gone."""
        old, new = self.signers[role], KINDS[kind]()
        self.root.version += 1
        self.root.revoke_key(old.public_key.keyid, role)
        new.public_key.keyid = f"çelësi {role} {self.root.version}"
        self.root.add_key(new.public_key, role)
        signers = [old, new] if role == "root" else [self.signers["root"]]
        self.signers[role] = new
        self.write(f"{self.root.version}.root.json", self.root, signers)


class Client:
    """`tuf-client` with a folder of its own."""

    def __init__(self, folder, address):
        self.folder = folder
        self.arguments = [
            TUF_CLIENT, "--metadata-dir", folder / "trusted", "--metadata-url", f"{address}/metadata",
            "--target-base-url", f"{address}/targets", "--target-dir", folder / "downloaded",
        ]

    def run(self, *arguments, code=0):
        done = subprocess.run([*self.arguments, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (arguments, done)
        return done.stderr

    def download(self, paths):
        names = [argument for path in paths for argument in ("--target-name", path)]
        self.run(*names, "download")

    def versions(self):
        files = sorted((self.folder / "trusted").glob("*.json"))
        return {file.stem: json.loads(file.read_bytes())["signed"]["version"] for file in files}


def follow(kinds, hashes, plain):
    """One repository, followed through rotations of every role to other kinds of keys."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        repository = Repository(scratch, kinds, hashes, plain)
        with serving(scratch) as (address, asked):
            client = Client(scratch, address)
            client.run("init", repository.metadata / "1.root.json")
            assert not asked
            client.download(repository.files)
            kept = {p.read_bytes() for p in (scratch / "downloaded").iterdir()}
            assert kept == set(repository.files.values())
            roles = {quote(name, "") for name in repository.roles}
            bins = {name for name in roles if name.startswith("koshi-")}
            assert len(bins) == 8 and roles - bins <= set(client.versions())

            # Keys of another kind for every role, and versions that begin anew where the specification allows it.
            for role, kind in zip(TOP, [*kinds[1:], kinds[0]]):
                repository.rotate(role, kind)
            repository.timestamp.version = 1
            repository.roles["targets"].version += 1
            repository.snapshot.version += 1
            repository.add("targets", "lexo.txt", b"read me again")
            repository.publish()
            client.download(["lexo.txt"])
            assert (scratch / "downloaded" / "lexo.txt").read_bytes() == b"read me again"
            assert client.versions()["root"] == 5 and client.versions()["targets"] == 2

            # A byte changed by the server is refused, and nothing of it kept.
            before = client.versions()
            repository.timestamp.version += 1
            repository.publish()
            name = repository.metadata / "timestamp.json"
            name.write_bytes(name.read_bytes().replace(b"2090-01-01", b"2091-01-01"))
            said = client.run("refresh", code=1)
            assert "timestamp.json has 0 valid signatures" in said, said
            assert client.versions() == before
    form = "plain names" if plain else "consistent snapshots"
    print(f"{', '.join(kinds[:4])}; {' and '.join(hashes)}; {form}: {len(repository.files)} files, root {before['root']}")


def main():
    kinds = list(KINDS)
    for turn, hashes in enumerate((["sha256"], ["sha512"], ["sha256", "sha512"], ["sha256"])):
        follow(kinds[turn:] + kinds[:turn], hashes, plain=turn == 3)


main()
