"""A table of 30 columns with known classes: 12 direct identifiers and 18 others."""

from __future__ import annotations

import random
from collections.abc import Callable

import pyarrow as pa

ROWS = 120
_RANDOM = random.Random(14)
_GIVEN = [
    "Maria",
    "James",
    "Linda",
    "Robert",
    "Susan",
    "Michael",
    "Karen",
    "David",
    "Anna",
    "Thomas",
    "Laura",
    "Peter",
]
_FAMILY = [
    "Garcia",
    "Smith",
    "Johnson",
    "Miller",
    "Davis",
    "Wilson",
    "Anderson",
    "Taylor",
    "Martin",
    "Lewis",
    "Clark",
]
_STREETS = ["Main Street", "Oak Avenue", "Elm Street", "Park Road", "Lake Drive"]
_CITIES = ["Boston", "Chicago", "Denver", "Seattle", "Dallas", "Portland"]


def _luhn(digits: str) -> str:
    doubled = [int(d) * (1 + (i % 2)) for i, d in enumerate(reversed(digits + "0"))]
    total = sum(d - 9 if d > 9 else d for d in doubled)
    return digits + str(-total % 10)


def _iban() -> str:
    account = "37040044" + "".join(_RANDOM.choices("0123456789", k=10))
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def _digits(count: int) -> str:
    return "".join(_RANDOM.choices("0123456789", k=count))


def _one_of(*values: str) -> Callable[[], str]:
    return lambda: _RANDOM.choice(values)


DIRECT: dict[str, tuple[str, str, Callable[[], str]]] = {
    "email": (
        "email",
        "EMAIL_ADDRESS",
        lambda: f"{_RANDOM.choice(_GIVEN).lower()}{_digits(3)}@example.org",
    ),
    "phone": ("telefonnummer", "PHONE_NUMBER", lambda: f"(415) 555-{_RANDOM.randint(2000, 9999)}"),
    "name": (
        "nom_complet",
        "PERSON",
        lambda: f"{_RANDOM.choice(_GIVEN)} {_RANDOM.choice(_FAMILY)}",
    ),
    "given": ("vorname", "PERSON", lambda: _RANDOM.choice(_GIVEN)),
    "iban": ("iban", "IBAN_CODE", _iban),
    "card": ("kreditkartennummer", "CREDIT_CARD", lambda: _luhn("401288" + _digits(9))),
    "ssn": (
        "ssn",
        "US_SSN",
        lambda: (
            f"{_RANDOM.randint(501, 599)}-{_RANDOM.randint(11, 89)}-{_RANDOM.randint(1111, 9998)}"
        ),
    ),
    "ip": ("ip_address", "IP_ADDRESS", lambda: f"203.0.113.{_RANDOM.randint(1, 254)}"),
    "contact": (
        "courriel",
        "EMAIL_ADDRESS",
        lambda: f"{_RANDOM.choice(_FAMILY).lower()}.{_digits(2)}@example.com",
    ),
    "mobile": ("telephone_portable", "PHONE_NUMBER", lambda: f"+49 151 {_digits(3)}{_digits(5)}"),
    "contact_name": (
        "ansprechpartner",
        "PERSON",
        lambda: f"{_RANDOM.choice(_GIVEN)} {_RANDOM.choice(_FAMILY)}",
    ),
    "street": (
        "adresse",
        "LOCATION",
        lambda: f"{_RANDOM.randint(1, 999)} {_RANDOM.choice(_STREETS)}, {_RANDOM.choice(_CITIES)}",
    ),
}
"""By a key: a header, the type, and how a value is made."""

OTHERS: dict[str, tuple[str, str | None, Callable[[], str]]] = {
    "gender": ("geschlecht", "quasi-identifier", _one_of("male", "female", "divers")),
    "age": ("age", "quasi-identifier", lambda: str(_RANDOM.randint(18, 90))),
    "born": ("annee_de_naissance_code", None, lambda: f"K{_RANDOM.randint(100, 999)}"),
    "job": ("beruf", "quasi-identifier", _one_of("Lehrer", "Koch", "Maurer", "Tischler")),
    "marital": ("situation_familiale", "quasi-identifier", _one_of("marié", "célibataire", "veuf")),
    "diagnosis": ("diagnose", "health", _one_of("E11.9", "I10.0", "J45.0", "M54.5")),
    "drug": ("medicament", "health", _one_of("metformine 500 mg", "ibuprofen", "ramipril 5 mg")),
    "pay": ("salaire", "financial", lambda: f"{_RANDOM.randint(1500, 9000)}.50"),
    "key": (
        "api_key",
        "secret",
        lambda: "AKIA" + "".join(_RANDOM.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)),
    ),
    "word": (
        "mot_de_passe",
        "secret",
        lambda: "".join(_RANDOM.choices("abcdefgh", k=5)) + _digits(3) + "#Q",
    ),
    "amount": ("betrag", None, lambda: f"{_RANDOM.randint(1, 999)}.{_digits(2)}"),
    "quantity": ("quantite", None, lambda: str(_RANDOM.randint(1, 40))),
    "status": ("status", None, _one_of("open", "closed", "pending")),
    "size": ("taille_article", None, _one_of("S", "M", "L", "XL")),
    "code": ("artikelnummer", None, lambda: f"{_RANDOM.choice('ABC')}-{_digits(4)}"),
    "flag": ("newsletter_opt_in", None, _one_of("T", "F")),
    "score": ("rating", None, lambda: f"{_RANDOM.randint(0, 9)}.{_digits(1)}"),
    "hash": ("pruefsumme", None, lambda: "".join(_RANDOM.choices("0123456789abcdef", k=40))),
}
"""By a key: a header, the class if there is one, and how a value is made."""

COLUMNS = {**DIRECT, **OTHERS}


def labelled(*, neutral: bool) -> tuple[pa.Table, dict[str, str]]:
    """Return the table, and the key of each of its columns by its name."""
    _RANDOM.seed(14)
    names = {f"field_{i}" if neutral else COLUMNS[k][0]: k for i, k in enumerate(COLUMNS, 1)}
    values = {name: [COLUMNS[key][2]() for _ in range(ROWS)] for name, key in names.items()}
    return pa.table(values), names
