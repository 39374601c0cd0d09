"""The class of each type of data, and what a confident finding of it is called."""

from __future__ import annotations

from typing import Literal

DataClass = Literal["identifier", "quasi-identifier", "secret", "health", "financial"]

QUASI_KINDS = {
    **dict.fromkeys(("BIRTH_DATE", "BIRTH_YEAR", "AGE"), "birth date or age"),
    "GENDER": "gender",
    "POSTCODE": "postcode",
    "OCCUPATION": "occupation",
    "MARITAL_STATUS": "marital status",
}
"""Quasi-identifiers by type. Types of one kind say the same about a person, and count once."""

OWN: dict[str, DataClass] = {
    **dict.fromkeys(QUASI_KINDS, "quasi-identifier"),
    **dict.fromkeys(
        ("PASSWORD", "API_KEY", "ACCESS_TOKEN", "PRIVATE_KEY", "CARD_SECURITY_CODE"), "secret"
    ),
    **dict.fromkeys(("DIAGNOSIS", "MEDICATION", "BLOOD_TYPE"), "health"),
    **dict.fromkeys(("INCOME", "ACCOUNT_BALANCE", "CREDIT_SCORE", "BIC"), "financial"),
    # what a reviewer decided, where no type is known
    **{"QUASI_IDENTIFIER": "quasi-identifier", "SECRET": "secret"},
    **{"HEALTH": "health", "FINANCIAL": "financial"},
}
"""The types that this package finds by itself, in addition to those of Presidio."""

_OF_PRESIDIO: dict[str, DataClass] = {
    **dict.fromkeys(("DATE_TIME", "LOCATION", "NRP"), "quasi-identifier"),
    **dict.fromkeys(("CREDIT_CARD", "IBAN_CODE", "US_BANK_NUMBER", "CRYPTO"), "financial"),
}
DIRECT = ("personal", "secret")
"""Verdicts of columns that must be redacted."""


def class_of(entity: str) -> DataClass:
    """Return the class of a type; types that are not listed are direct identifiers."""
    return OWN.get(entity) or _OF_PRESIDIO.get(entity, "identifier")


def is_indirect(entity: str) -> bool:
    """Return whether a type is about a person without identifying one on its own."""
    return OWN.get(entity, "secret") != "secret"
