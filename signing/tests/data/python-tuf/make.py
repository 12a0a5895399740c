"""Makes the files beside it with python-tuf (`pip install tuf 'securesystemslib[crypto]'`, then `python make.py`).

A repository as another tool signs it: roots 1 to 3 with ed25519, P-256 and RSA keys and a rotation in between,
a delegation by paths signed with RSA, one by hash prefixes signed with P-256, and four hashed bins below the latter.
"""

from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
)

here = Path(__file__).parent
expires = datetime(2030, 1, 1, tzinfo=timezone.utc)


def p256():
    return CryptoSigner(ec.generate_private_key(ec.SECP256R1()))


def rsa_pss():
    return CryptoSigner(rsa.generate_private_key(65537, 2048))


def write(name, metadata, *signers):
    for signer in signers:
        metadata.sign(signer, append=True)
    metadata.to_file(str(here / name))


def target(path, content):
    file = TargetFile.from_data(path, content.encode(), ["sha256", "sha512"])
    file.unrecognized_fields["custom"] = {"title": content}
    return file


first, second, third = CryptoSigner.generate_ed25519(), p256(), rsa_pss()
timestamp_key, snapshot_key, targets_key = rsa_pss(), p256(), CryptoSigner.generate_ed25519()
course_key, bin_key = rsa_pss(), p256()

root = Root(expires=expires)
for role, keys in {
    "root": [first, second, third], "timestamp": [timestamp_key], "snapshot": [snapshot_key], "targets": [first],
}.items():
    for signer in keys:
        root.add_key(signer.public_key, role)
root.roles["root"].threshold = 2
write("1.root.json", Metadata(root), first, second)
root.version = 2
root.revoke_key(first.public_key.keyid, "root")
root.revoke_key(first.public_key.keyid, "targets")
root.add_key(targets_key.public_key, "targets")
write("2.root.json", Metadata(root), first, second, third)
root.version = 3
write("3.root.json", Metadata(root), second, third)

targets = Targets(expires=expires)
targets.targets["top.txt"] = target("top.txt", "ë ç े\u0301 \\ \" \n")
course = DelegatedRole("course", [course_key.public_key.keyid], 1, False, paths=["school/*/*"])
hashed = DelegatedRole("all/ë", [bin_key.public_key.keyid], 1, True, path_hash_prefixes=["0", "1", "2", "3", "4", "5", "6", "7"])
targets.delegations = Delegations({}, {"course": course, "all/ë": hashed})
targets.delegations.keys = {s.public_key.keyid: s.public_key for s in (course_key, bin_key)}
write("1.targets.json", Metadata(targets), targets_key)

content = Targets(expires=expires)
content.targets["school/1/a.mp4"] = target("school/1/a.mp4", "lesson")
content.targets["school/1/sub/a.mp4"] = target("school/1/sub/a.mp4", "outside")
write("1.course.json", Metadata(content), course_key)

bins = SuccinctRoles([bin_key.public_key.keyid], 1, 2, "bin")
parent = Targets(expires=expires, delegations=Delegations({bin_key.public_key.keyid: bin_key.public_key}, succinct_roles=bins))
write("1.all%2F%C3%AB.json", Metadata(parent), bin_key)
filled = {name: Targets(expires=expires) for name in bins.get_roles()}
for number in range(8):
    path = f"free/{number}.txt"
    filled[bins.get_role_for_target(path)].targets[path] = target(path, f"free {number}")
for name, metadata in filled.items():
    write(f"1.{name}.json", Metadata(metadata), bin_key)

snapshot = Snapshot(expires=expires)
for name in ["course", "all/ë", *filled]:
    snapshot.meta[f"{name}.json"] = MetaFile(1)
write("1.snapshot.json", Metadata(snapshot), snapshot_key)
timestamp = Timestamp(expires=expires)
data = (here / "1.snapshot.json").read_bytes()
timestamp.snapshot_meta = MetaFile.from_data(1, data, ["sha256", "sha512"])
write("timestamp.json", Metadata(timestamp), timestamp_key)
