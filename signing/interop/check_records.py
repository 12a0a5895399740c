"""Opens and makes the golden records with an implementation of its own: X25519, HKDF, ChaCha20-Poly1305 and Ed25519 from pyca,
HPKE base mode written out from RFC 9180. What it makes must be equal to the golden bytes."""

import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HEADER, SLOT, TAG, SIGNATURE, INNER = 50, 80, 16, 64, 98
SIZES = [512, 2048, 8192]
RECORD_DOMAIN = b"pishtar record 1\n"
LOG_DOMAIN = b"pishtar log 1\n"
ACK_DOMAIN = b"pishtar acknowledgement 1\n"
SLOTS = [b"pishtar record 1 school", b"pishtar record 1 ministry"]

# RFC 9180 sections 4.1 and 5.1: suite identifiers of DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
KEM = b"KEM" + (0x20).to_bytes(2, "big")
SUITE = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + (3).to_bytes(2, "big")


def extract(salt, key):
    return hmac.new(salt or bytes(32), key, hashlib.sha256).digest()


def expand(key, info, length):
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([count]), hashlib.sha256).digest()
        out, count = out + block, count + 1
    return out[:length]


def labeled_extract(suite, salt, label, key):
    return extract(salt, b"HPKE-v1" + suite + label + key)


def labeled_expand(suite, key, label, info, length):
    return expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def derive_key_pair(seed):
    """RFC 9180 section 7.1.3."""
    root = labeled_extract(KEM, b"", b"dkp_prk", seed)
    return X25519PrivateKey.from_private_bytes(labeled_expand(KEM, root, b"sk", b"", 32))


def context(shared, encapsulated, recipient, info):
    """Key and nonce of base mode: sections 4.1 and 5.1."""
    dh = labeled_extract(KEM, b"", b"eae_prk", shared)
    secret = labeled_expand(KEM, dh, b"shared_secret", encapsulated + recipient, 32)
    schedule = b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") + labeled_extract(SUITE, b"", b"info_hash", info)
    key = labeled_extract(SUITE, secret, b"secret", b"")
    return labeled_expand(SUITE, key, b"key", schedule, 32), labeled_expand(SUITE, key, b"base_nonce", schedule, 12)


def seal_slot(seed, recipient, info, content_key, header):
    ephemeral = derive_key_pair(seed)
    encapsulated = raw(ephemeral.public_key())
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    key, nonce = context(shared, encapsulated, recipient, info)
    return encapsulated + ChaCha20Poly1305(key).encrypt(nonce, content_key, header)


def open_slot(record, slot, secret):
    at = HEADER + slot * SLOT
    encapsulated, sealed = record[at:at + 32], record[at + 32:at + SLOT]
    secret = X25519PrivateKey.from_private_bytes(secret)
    shared = secret.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    key, nonce = context(shared, encapsulated, raw(secret.public_key()), SLOTS[slot])
    return ChaCha20Poly1305(key).decrypt(nonce, sealed, record[:HEADER])


def open_record(record, slot, secret):
    assert len(record) in SIZES and record[0] == 1 and record[1] == SIZES.index(len(record))
    log_key = record[18:HEADER]
    Ed25519PublicKey.from_public_bytes(log_key).verify(record[-SIGNATURE:], RECORD_DOMAIN + record[:-SIGNATURE])
    content_key = open_slot(record, slot, secret)
    payload = ChaCha20Poly1305(content_key).decrypt(bytes(12), record[HEADER + 2 * SLOT:-SIGNATURE], record[:HEADER])
    device, binding, length = payload[:32], payload[32:96], int.from_bytes(payload[96:98], "big")
    Ed25519PublicKey.from_public_bytes(device).verify(binding, LOG_DOMAIN + log_key)
    return device, payload[INNER:INNER + length]


def make_record(vector):
    text = lambda name: bytes.fromhex(vector[name])
    device, log = (Ed25519PrivateKey.from_private_bytes(text(name)) for name in ("device_seed", "log_seed"))
    log_key, events, chance = raw(log.public_key()), text("events"), text("randomness")
    room = [size - HEADER - 2 * SLOT - TAG - SIGNATURE - INNER for size in SIZES]
    size_class = next(at for at, bytes_ in enumerate(room) if len(events) <= bytes_)
    header = bytes([1, size_class]) + vector["epoch"].to_bytes(4, "big") + vector["hour"].to_bytes(4, "big")
    header += vector["sequence"].to_bytes(8, "big") + log_key
    draws = [chance[at:at + 32] for at in range(0, len(chance), 32)]
    content_key = draws.pop(0)
    school = vector["school_secret"]
    school = X25519PrivateKey.from_private_bytes(bytes.fromhex(school)) if school else derive_key_pair(draws.pop(0))
    ministry = X25519PrivateKey.from_private_bytes(text("ministry_secret"))
    record = header
    for seed, secret, info in zip(draws, (school, ministry), SLOTS, strict=True):
        record += seal_slot(seed, raw(secret.public_key()), info, content_key, header)
    payload = raw(device.public_key()) + device.sign(LOG_DOMAIN + log_key) + len(events).to_bytes(2, "big") + events
    payload = payload.ljust(INNER + room[size_class], b"\0")
    record += ChaCha20Poly1305(content_key).encrypt(bytes(12), payload, header)
    return record + log.sign(RECORD_DOMAIN + record)


def refused(work):
    try:
        work()
    except (InvalidTag, InvalidSignature, ValueError, AssertionError):
        return True
    return False


def check_record(vector):
    record, name = bytes.fromhex(vector["record"]), vector["name"]
    assert make_record(vector) == record, f"{name}: other bytes"
    device = raw(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["device_seed"])).public_key())
    expected = (device, bytes.fromhex(vector["events"]))
    ministry = bytes.fromhex(vector["ministry_secret"])
    assert open_record(record, 1, ministry) == expected, f"{name}: the ministry reads something else"
    if vector["school_secret"]:
        school = bytes.fromhex(vector["school_secret"])
        assert open_record(record, 0, school) == expected, f"{name}: the school reads something else"
    assert refused(lambda: open_record(record, 0, ministry)), f"{name}: a slot opens with a foreign secret"
    changed = record[:-1] + bytes([record[-1] ^ 1])
    assert refused(lambda: open_record(changed, 1, ministry)), f"{name}: a changed record opens"


def check_acknowledgement(vector):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["ack_seed"]))
    body = bytes([1]) + vector["epoch"].to_bytes(4, "big") + vector["hour"].to_bytes(4, "big")
    body += bytes.fromhex(vector["log_key"]) + vector["up_to"].to_bytes(8, "big")
    assert body + key.sign(ACK_DOMAIN + body) == bytes.fromhex(vector["acknowledgement"]), "another acknowledgement"


def main():
    path = pathlib.Path(__file__).parent.parent / "tests/data/records/vectors.json"
    vectors = json.loads(path.read_text())
    for vector in vectors["records"]:
        check_record(vector)
    for vector in vectors["acknowledgements"]:
        check_acknowledgement(vector)
    counts = len(vectors["records"]), len(vectors["acknowledgements"])
    print("%d records and %d acknowledgements made and opened byte for byte, without our code" % counts)


if __name__ == "__main__":
    sys.exit(main())
