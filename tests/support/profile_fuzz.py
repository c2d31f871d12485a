"""Byte strings for the profile loader: packaged profiles mutated, tokens thrown together, bombs, and noise."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from dluxshera.errors import DocumentError
from dluxshera.profiles import parse_profile, shera_profiles
from dluxshera.profiles.format import MAX_PROFILE_BYTES

TOKENS = [
    b"schema: dluxshera.profile/0.2.0\n",
    b"kind: target\n",
    b"name: x\n",
    b"extends: [",
    b"parameters:\n",
    b"config:\n",
    b"  binary.contrast: ",
    b"{value: ",
    b", unit: ",
    b"m",
    b"}",
    b"]",
    b"{",
    b"[",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object/apply:os.system [ls]",
    b"!!binary ",
    b"%YAML 1.1\n---\n",
    b"...\n",
    b"---\n",
    b"|\n",
    b">\n",
    b'"\\x00"',
    b'"\\ud800"',
    b"'",
    b'"',
    b"#",
    b"?",
    b"\t",
    b"\r",
    b"\n",
    b" ",
    b"1e999",
    b".nan",
    b"-.inf",
    b"0x",
    b"1" * 400,
    b"5e-324",
    b"-0.0",
    b"null",
    b"true",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\x00",
    b"../../../../etc/passwd",
    b"./fuzz.yaml",
    b"instrument/shera_flight",
    b'"$schema": ',
    b'{"schema": ',
    b",",
    b"content_hash: sha256:",
    b"m**999999999",
    b"10**99 m",
    b"log10(ph)",
    b"%",
    b"dluxshera.profile/9999.0.0",
]

BOMBS = [
    b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"b%d: &b%d [*a,*a,*a,*a]\n" % (i, i) for i in range(50)),
    b"[" * 100_000,
    b"{" * 100_000,
    b"{a: " * 40_000,
    b"- " * 90_000,
    b"[" * 60 + b"]" * 60,
    b'{"a":' * 30_000,
    b"? " * 60_000,
    b"a" * 199_000,
    b"a: " + b"9" * 190_000,
    b"a: 1." + b"9" * 190_000,
    b"[" + b"1," * 95_000 + b"]",
    b'["a",1,' + b'"b",2,' * 30_000 + b"3]",
    b"config: {m1_noll: [" + b'1,"a",' * 30_000 + b"]}\nschema: dluxshera.profile/0.2.0\nkind: target\nname: x\n",
    b"".join(b"k%d: %d\n" % (i, i) for i in range(15_000)),
    b"schema: dluxshera.profile/0.2.0\nkind: target\nname: x\nparameters:\n"
    + b"".join(b"  binary.separation_%d: 1\n" % i for i in range(900)),
    b"schema: dluxshera.profile/0.2.0\nkind: target\nname: x\n" + b"q" * 150_000 + b": 1\n",
    b'"' + b"\\u0041" * 30_000 + b'"',
    b"a: |\n" + b"  x\n" * 45_000,
    b" " * 199_000,
    b"\n" * 199_000,
    b"#" * 199_000,
    b"a: b\n" * 39_000,
    b"x" * (MAX_PROFILE_BYTES + 1),
    b"\x00" * 1000,
]


def seeds() -> list[bytes]:
    """Return the packaged profiles, with and without their hash, which hardly any change survives."""
    packaged = [path.read_bytes() for path in sorted(shera_profiles().packaged.glob("*/*.yaml"))]
    return [
        *packaged,
        *(re.sub(rb"(?m)^content_hash.*\n", b"", text) for text in packaged),
        b'{"schema": "dluxshera.profile/0.2.0", "kind": "target", "name": "x", "config": {"image_npix": 64, "m1_noll":'
        b' [4, 5]}, "parameters": {"binary.contrast": 3.0, "system.pixel_pitch_m": {"value": 4.6, "unit": "um"}}}',
    ]


def byte_string(rng: random.Random, known: list[bytes]) -> bytes:
    """Return one byte string."""
    choice = rng.random()
    if choice < 0.05:
        return rng.randbytes(rng.randint(0, 200))
    if choice < 0.25:
        return b"".join(rng.choice(TOKENS) for _ in range(rng.randint(1, 30)))
    made = bytearray(rng.choice(known))
    for _ in range(rng.choice([1, 1, 1, 2, 4, 8])):
        at = rng.randint(0, len(made))
        match rng.randint(0, 6):
            case 0 if made:
                made[min(at, len(made) - 1)] = rng.randrange(256)
            case 1:
                del made[at : at + rng.randint(1, 20)]
            case 2:
                made[at:at] = rng.choice(TOKENS)
            case 3:
                made[at:at] = made[at : at + rng.randint(1, 60)]
            case 4:
                other = rng.choice(known)
                start = rng.randint(0, len(other))
                made[at:at] = other[start : start + rng.randint(1, 80)]
            case 5:
                numbers = list(re.finditer(rb"[0-9.]+", bytes(made)))
                if numbers:
                    found = rng.choice(numbers)
                    made[found.start() : found.end()] = rng.choice([b"1e999", b"-1", b"0", b"1e-400", b"9" * 310, b"."])
            case _:
                made = made[:at]
    return bytes(made)


class Fuzzed(NamedTuple):
    """What came out: how many were read and refused, the slowest, and what should not have happened."""

    read: int
    refused: int
    slowest_s: float
    by_message: Counter[str]
    failures: list[str]


def fuzz(strings: list[bytes], folder: Path) -> Fuzzed:
    """Load each byte string, as YAML or JSON; anything but a profile or a DocumentError is a failure."""
    read, slowest, messages, failures = 0, 0.0, Counter[str](), []
    for i, raw in enumerate(strings):
        name = "fuzz.json" if raw[:1] == b"{" or i % 10 == 0 else "fuzz.yaml"
        start = time.perf_counter()
        try:
            parse_profile(raw, shera_profiles(), str(folder / name))
            read += 1
        except DocumentError as error:
            messages[re.sub(r"\W.*", "", error.message)] += 1
            if "\n" in str(error) or len(str(error)) > 4000:
                failures.append(f"a message of {len(str(error))} characters for {raw[:200]!r}")
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error!s:.100} for {raw[:300]!r}")
        slowest = max(slowest, time.perf_counter() - start)
    return Fuzzed(read, len(strings) - read - len(failures), slowest, messages, failures)
