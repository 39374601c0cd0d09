"""Secrets in a text: forms that their issuers document, each checked to keep errors rare."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter

_ISSUED = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:AKIA|ASIA)(?P<aws>[A-Z2-7]{16})"
    r"|gh[pousr]_(?P<github>[A-Za-z0-9]{36})"
    r"|github_pat_(?P<pat>\w{40,})"
    r"|glpat-(?P<gitlab>[\w-]{20,})"
    r"|xox[abprs]-(?P<slack>[0-9A-Za-z-]{20,})"
    r"|[sr]k_(?:live|test)_(?P<stripe>[0-9A-Za-z]{16,})"
    r"|AIza(?P<google>[\w-]{35})"
    r"|SG\.(?P<sendgrid>[\w-]{22}\.[\w-]{43})"
    r"|npm_(?P<npm>[A-Za-z0-9]{36})"
    r"|dapi(?P<databricks>[0-9a-f]{32})"
    r"|AccountKey=(?P<azure>[A-Za-z0-9+/]{86}==)"
    r")(?![A-Za-z0-9_])"
)
"""Keys with a prefix of their issuer; the group is the random part."""

_JWT = re.compile(r"(?<![\w-])(eyJ[\w-]{8,})\.eyJ[\w-]{8,}\.[\w-]*")
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_HASHED = re.compile(
    r"\$(?:2[abxy]\$\d\d\$[./A-Za-z0-9]{53}|argon2(?:id?|d)\$\S{20,}|[156]\$\S{20,}|y\$\S{20,})"
)
"""Passwords as bcrypt, Argon2 and crypt store them."""

_ASSIGNED = re.compile(
    r"\b(?:pass(?:word|wd|phrase)|pwd|passwort|kennwort|mot de passe)\s*[:=]\s*(\S{6,64})",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"[A-Za-z0-9+/=_.~-]{16,512}")
_PASSWORD = re.compile(r"\S{6,64}")
_ENTROPY, _OF_PASSWORD = 2.8, 2.0
"""Least entropy in bits per character: AAAA0000 has 1, sixteen random hexadecimal digits about 3.3,
and a password of eight different characters 3."""

_HINT = re.compile(r"AKIA|ASIA|_|-----BEGIN|eyJ|\$|glpat|xox|AIza|SG\.|dapi|AccountKey|[:=]")


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters of a text, in bits per character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def secrets_in(text: str) -> set[str]:
    """Return the types of the secrets in a text that are recognised without a column name."""
    if not _HINT.search(text):
        return set()
    found = set()
    if _KEY.search(text):
        found.add("PRIVATE_KEY")
    if any(entropy(str(m[m.lastgroup or 0])) >= _ENTROPY for m in _ISSUED.finditer(text)):
        found.add("API_KEY")
    if any(_is_jwt_head(match[1]) for match in _JWT.finditer(text)):
        found.add("ACCESS_TOKEN")
    if _HASHED.search(text) or any(_is_password(m[1]) for m in _ASSIGNED.finditer(text)):
        found.add("PASSWORD")
    return found


def secrets_if_named(text: str) -> set[str]:
    """Return the secrets that a text may be if the column is named after them."""
    found = set()
    if _RANDOM.fullmatch(text) and entropy(text) >= _ENTROPY:
        found |= {"API_KEY", "ACCESS_TOKEN", "PRIVATE_KEY"}
    if _is_password(text):
        found.add("PASSWORD")
    return found


def _is_password(text: str) -> bool:
    """Return whether a text has two kinds of characters, as a word or a placeholder has not."""
    tests = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    kinds = sum(any(map(test, text)) for test in tests)
    plain = _PASSWORD.fullmatch(text) and not re.fullmatch(r"[<{\[*].*|[A-Z]?[a-z]+[.,;]?", text)
    return bool(plain and kinds > 1 and entropy(text) >= _OF_PASSWORD)


def _is_jwt_head(text: str) -> bool:
    try:
        head = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return False
    return isinstance(head, dict) and "alg" in head
