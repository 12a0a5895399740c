"""Makes `cases.txt` with securesystemslib (`pip install securesystemslib`, then `python make.py`).

Each line: a JSON text in base64, a blank, and the base64 of its canonical form, or `refused`.
"""

import json
import random
from base64 import b64encode
from pathlib import Path

from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical

random.seed(20)
ALPHABETS = ["abcXYZ09 -_.", "\"\\/\n\t\r\b\f\u0000\u001f\u007f", "ëçËÇšžđћџЂ", "हिन्दी क़ख़ग़ डा", "العربية لا ئ ﷺ", "e\u0301o\u0308ﬁÅ\u212b", "😀🏫𝒜"]


def text():
    return "".join(random.choice(random.choice(ALPHABETS)) for _ in range(random.randrange(8)))


def value(depth):
    kind = random.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return random.choice([None, True, False])
    if kind == 1:
        return random.choice([0, 1, -1, 2**31, -(2**63), 2**63 - 1, 2**64 - 1, random.randrange(10**6)])
    if kind == 2 and random.random() < 0.1:
        return random.choice([0.5, 1.0, 1e3])
    if kind < 6:
        return text()
    if kind == 6:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    return {text(): value(depth + 1) for _ in range(random.randrange(5))}


lines = []
for _ in range(400):
    item = value(0)
    written = json.dumps(item, ensure_ascii=random.random() < 0.5)
    try:
        canonical = b64encode(encode_canonical(json.loads(written)).encode()).decode()
    except FormatError:
        canonical = "refused"
    lines.append(f"{b64encode(written.encode()).decode()} {canonical}\n")
for repeated in ['{"a": 1, "a": 2}', '{"a": {"b": 1}, "a": {"c": 2}}', '{"\\u0061": 1, "a": 2}']:
    canonical = b64encode(encode_canonical(json.loads(repeated)).encode()).decode()
    lines.append(f"{b64encode(repeated.encode()).decode()} {canonical}\n")
(Path(__file__).parent / "cases.txt").write_text("".join(lines))
