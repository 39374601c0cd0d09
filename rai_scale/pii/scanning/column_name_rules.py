"""What the name of a column implies about its content: one table of rules for English names.

``column_names.yaml`` has the words of other languages. ``class_names.yaml`` has the names of
columns with quasi-identifiers, secrets, and data on health and finance, in all languages.

A rule must match the end of the name, apart from a suffix that does not change its meaning:
``work_email_2`` is an e-mail address; ``email_count``, ``zip_file`` and ``doctor_note`` are not
personal data.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources

import pyarrow as pa
import yaml

from rai_scale.names import looks_personal

_NUMBER = r"(_?(no|nr|num|number))?"
_PEOPLE = (
    "first|last|full|middle|given|family|maiden|sur|fore|nick|customer|client|patient|employee|"
    "contact|person|user|holder|owner|doctor|physician|author|sender|recipient|applicant|guest|"
    "passenger|student|tenant|borrower|beneficiary|cardholder"
)
_HOUSES = "street|home|postal|mailing|billing|shipping|delivery|residential|work"

RULES: tuple[tuple[str, str], ...] = (
    ("EMAIL_ADDRESS", r"e_?mail(_?addr(ess)?|_?id)?|mail_?(addr(ess)?|id)"),
    ("IP_ADDRESS", r"ip(_?v[46])?(_?addr(ess)?)?|(remote|client)_?addr(ess)?"),
    (
        "PHONE_NUMBER",
        rf"((tele|cell|mobile)_?)?phone{_NUMBER}|(tel|mobile|cell|fax|whatsapp){_NUMBER}|msisdn"
        rf"|contact_?(no|number)|landline{_NUMBER}",
    ),
    ("US_SSN", rf"ssn{_NUMBER}|social_?sec(urity)?{_NUMBER}"),
    (
        "CREDIT_CARD",
        r"(credit_?|debit_?|payment_?)?card_?(no|nr|num|number)|(credit|debit)_?card"
        r"|cc_?(no|num|number)|pan",
    ),
    ("PASSWORD", r"pass_?(word|wd|phrase|code)|pwd|secret_?answer"),
    (
        "NATIONAL_ID",
        rf"(national|citizen|government|gov|personal|tax|taxpayer)_?id(entity|entification)?"
        rf"(_?card)?{_NUMBER}|(?<!_)identity|identity_?(card|document|no|nr|num|number){_NUMBER}|id_?card{_NUMBER}|tin"
        rf"|(national_?)?insurance_?(no|number)|nino|nhs_?(no|number)|aadhaar|medicare{_NUMBER}",
    ),
    ("IBAN_CODE", rf"iban{_NUMBER}"),
    ("US_PASSPORT", rf"passport{_NUMBER}"),
    ("US_DRIVER_LICENSE", rf"driv(er|ing)_?s?_?licen[cs]e{_NUMBER}|dl_?(no|number)"),
    ("US_BANK_NUMBER", r"(bank_?)?(account|acct)_?(no|nr|num|number)"),
    (
        "PERSON",
        rf"({_PEOPLE})_?name|[fl]_?name|surname|account_?holder|cardholder|emergency_?contact"
        r"|next_?of_?kin|patient|doctor|physician",
    ),
    ("DATE_TIME", r"dob|birth_?(date|day)|date_?of_?birth|born(_?on)?"),
    (
        "LOCATION",
        rf"(({_HOUSES})_?)?addr(ess)?(_?line)?|street|city|town|zip(_?code)?|(post|postal)_?code"
        r"|lat(itude)?|lon(gitude)?|lng",
    ),
    ("NRP", r"nationality|citizenship|religion|ethnicity|ethnic_?(group|origin)|race"),
)
"""Entity and pattern; the first match decides, so that ``ip_address`` is not a location."""

_ENDING = (
    r"(_?\d+|_last|_(raw|text|txt|str|string|value|orig|original|old|new|current|previous|primary"
    r"|secondary|alternate|alt|home|work|private|business|office|main|e164|en|local))*"
)


Rules = tuple[tuple[str, re.Pattern[str]], ...]


def _compiled() -> Rules:
    """Return the rules, followed by the words of other languages, which match whole words only."""
    rules = [(entity, rf"({rule})(e?s)?") for entity, rule in RULES]
    return _matching(rules + _words("column_names.yaml"))


def _words(file: str) -> list[tuple[str, str]]:
    text = resources.files("rai_scale.pii.scanning").joinpath(file).read_text("utf-8")
    return [
        (entity, f"({'|'.join(sorted({word for found in languages.values() for word in found}))})")
        for entity, languages in yaml.safe_load(text).items()
    ]


def _matching(rules: list[tuple[str, str]]) -> Rules:
    return tuple((entity, re.compile(f"(.*_)?{rule}{_ENDING}")) for entity, rule in rules)


_COMPILED = _compiled()
_OF_CLASSES = _matching(_words("class_names.yaml"))
_NOT_PERSONAL = re.compile(
    r"(is|has|had|can|no|n|num|nb|count|total|max|min|avg|mean|share|pct|hash|hashed|encrypted|opt"
    r"|allow|allows|valid|invalid|missing|type|anzahl|ist|hat|tiene|aantal|heeft)_.*"
    r"|number_of_.*"
    r"|(.*_)?(account|cache|file|data|session|page|message|document|ticket|vehicle|building)_age"
    r"|(.*_)?(mac|web|url|memory|wallet|contract|bitcoin|btc|eth)_?addr(ess)?(es)?"
    r"|(.*_)?(company|vendor|merchant|branch|office|warehouse|store|server|host)_(street|city|town"
    r"|addr(ess)?|zip(_?code)?|lat(itude)?|lon(gitude)?|lng|ip)"
)
"""Flags, counts, and addresses that do not belong to a person."""


@lru_cache(10_000)
def entities_of_name(name: str) -> tuple[str, ...]:
    """Return the entity that the name of a column implies: a tuple of one entity, or empty.

    Parameters
    ----------
    name : str
        Name of a column, or a path such as ``user.email``, whose last part counts.
        ``customerEmail``, ``user.email`` and ``E-Mail`` all imply ``EMAIL_ADDRESS``;
        ``email_verified`` and ``card_type`` imply nothing. Dots of abbreviations (``Phone No.``,
        ``S.S.N.``) and text in parentheses (``Full Name (Legal)``) are taken into account.
    """
    return _first_fit(name, _COMPILED)[:1]


@lru_cache(10_000)
def classes_of_name(name: str) -> tuple[str, ...]:
    """Return the types of :data:`OWN` that the name of a column implies.

    Several are possible: ``secret_key`` is an API key or a private key. The name is read as in
    :func:`entities_of_name`.
    """
    return _first_fit(name, _OF_CLASSES)


def _first_fit(name: str, rules: Rules) -> tuple[str, ...]:
    name = name.replace("[]", "")
    letters = re.sub(r"(?<![A-Za-z])([A-Za-z])\.(?=[A-Za-z](?![A-Za-z]))", r"\1", name)
    last = letters.rstrip(". ").rsplit(".", 1)[-1]
    for part in (last, letters, re.sub(r"\s*\([^)]*\)", "", letters)):
        plain = _plain(part)
        if _NOT_PERSONAL.fullmatch(plain):
            return ()
        fits = tuple(entity for entity, rule in rules if rule.fullmatch(plain))
        if fits:
            return fits
    return ()


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("\u00df", "ss"))
    name = "".join(letter for letter in letters if not unicodedata.combining(letter))
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def shown_type(kind: pa.DataType) -> str:
    """Return a type as text, without its fields if the name of one looks like personal data."""
    return str(kind).split("<", 1)[0] if _has_personal_names(kind) else str(kind)


def _has_personal_names(kind: pa.DataType) -> bool:
    fields = [kind.field(number) for number in range(kind.num_fields)]
    return any(looks_personal(f.name) or _has_personal_names(f.type) for f in fields)
