"""The types of :data:`OWN` that a value has, by lists of words, patterns and checks."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from importlib import resources

import yaml

from rai_scale.pii.data_classes.secret_patterns import secrets_if_named, secrets_in

SURE, MAYBE = 0.95, 0.7
"""Scores of a value that has only one meaning, and of one that may mean something else."""
_LONGEST = 64

_AMOUNT = r"(?:[$\u20ac\u00a3] ?)?[+-]?\d[\d.,' \u00a0]*(?: ?(?:[$\u20ac\u00a3]|EUR|USD|GBP|CHF))?"
_PATTERNS = {
    "BLOOD_TYPE": r"(?:A|B|AB|0|O) ?(?:\+|-|\u2212|pos\.?|neg\.?|Rh ?[+-])",
    "DIAGNOSIS": r"[A-TV-Z]\d[0-9AB]\.\d[0-9A-Z]{0,3}",  # ICD-10 with a decimal
}
_IF_NAMED = {
    "DIAGNOSIS": r"[A-TV-Z]\d[0-9AB]|[^\W\d_].*[^\W\d_]{4}.*",
    "AGE": r"(?:1[01]\d|120|\d{1,2})(?:\.0)?|\d{1,2} ?[-\u2013] ?\d{2}|\d{2}\+",
    "BIRTH_YEAR": r"(?:19\d\d|20[0-4]\d)(?:\.0)?",
    "BIRTH_DATE": (
        r"(?:18|19|20)\d\d(?:-\d\d-\d\d|/\d\d?/\d\d?|\d{4})(?:[T ].*)?"
        r"|\d\d?([./-])\d\d?\1(?:\d\d){1,2}"
    ),
    "POSTCODE": (
        r"(?:[A-Z]{1,2}[- ])?\d{4,6}(?:-\d{3,4})?|\d{2}-\d{3}|\d{3} \d{2}|\d{4} ?[A-Z]{2}"
        r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
    ),
    "OCCUPATION": r"[^\W\d_][^\d_@]{2,}",
    "MEDICATION": r"[^\W\d_]{4,}.*",
    "CARD_SECURITY_CODE": r"\d{3,4}",
    "CREDIT_SCORE": r"[3-8]\d\d|\d{1,2}(?:[.,]\d+)? ?%?|[A-D]{1,3}[+-]?",
    "INCOME": _AMOUNT,
    "ACCOUNT_BALANCE": _AMOUNT,
    "BIC": r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?",
}
"""Forms that confirm the name of a column, and prove nothing without it."""


def _listed() -> dict[str, dict[str, float]]:
    text = resources.files("rai_scale.pii.data_classes").joinpath("words.yaml").read_text("utf-8")
    words: dict[str, dict[str, float]] = defaultdict(dict)
    for name, languages in yaml.safe_load(text).items():
        entity = name.removeprefix("MAYBE_")
        for word in (word for found in languages.values() for word in found):
            words[word][entity] = SURE if entity == name else MAYBE
    return dict(words)


_LISTED = _listed()


def types_of_value(text: str, named: Collection[str] = ()) -> dict[str, float]:
    """Return the types that a value has, with a score from 0 to 1.

    Parameters
    ----------
    text : str
        A value; only secrets are searched in values of more than 64 characters.
    named : collection of str
        The types that the name of the column implies. Only they are recognised by forms that many
        other values have, such as the digits of an age.
    """
    found = dict.fromkeys(secrets_in(text), SURE)
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return found
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    first = _LISTED.get(plain.split()[0], {})
    found |= {e: score for e, score in first.items() if e == "MEDICATION"}
    found |= _LISTED.get(plain, {})
    for patterns, entities in ((_PATTERNS, _PATTERNS), (_IF_NAMED, named)):
        for entity in entities:
            form = patterns.get(entity)
            if form and entity not in found and re.fullmatch(form, text):
                found[entity] = MAYBE
    for entity in secrets_if_named(text) & set(named) - set(found):
        found[entity] = MAYBE
    return found


def types_of_rows(
    texts: Iterable[tuple[int, str]], named: Collection[str]
) -> dict[tuple[int, str], float]:
    """Return the best score per row and type; each distinct text is looked at once."""
    texts = list(texts)
    types = {text: types_of_value(text, named) for text in {text for _, text in texts}}
    best: dict[tuple[int, str], float] = {}
    for row, text in texts:
        for entity, score in types[text].items():
            best[row, entity] = max(best.get((row, entity), 0.0), score)
    return best
