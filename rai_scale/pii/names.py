"""What a column's name says about its content: one table of rules, in the words of data teams.

A rule must fit the end of the name, up to an ending that keeps the meaning: ``work_email_2``
is an e-mail address, ``email_count``, ``zip_file`` and ``doctor_note`` are something else.
"""

from __future__ import annotations

import re

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
        r"|contact_?(no|number)",
    ),
    ("US_SSN", rf"ssn{_NUMBER}|social_?sec(urity)?{_NUMBER}"),
    (
        "CREDIT_CARD",
        r"(credit_?|debit_?|payment_?)?card_?(no|nr|num|number)|(credit|debit)_?card"
        r"|cc_?(no|num|number)|pan",
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
    ("DATE_TIME", r"dob|birth_?(date|day)|date_?of_?birth|born(_?on)?|year_?of_?birth|birth_?year"),
    (
        "LOCATION",
        rf"(({_HOUSES})_?)?addr(ess)?(_?line)?|street|city|town|zip(_?code)?|(post|postal)_?code"
        r"|lat(itude)?|lon(gitude)?|lng",
    ),
    ("NRP", r"nationality|citizenship|religion|ethnicity|ethnic_?(group|origin)|race"),
)
"""Entity and pattern; the first that fits speaks, so that ``ip_address`` is no place."""

_ENDING = (
    r"(_?\d+|_(raw|text|txt|str|string|value|orig|original|old|new|current|previous|primary"
    r"|secondary|alternate|alt|home|work|private|business|office|main|e164|en|local))*"
)
_COMPILED = tuple((entity, re.compile(rf"(.*_)?({rule})(e?s)?{_ENDING}")) for entity, rule in RULES)
_SAYS_NOTHING = re.compile(
    r"(is|has|had|can|no|n|num|nb|count|total|max|min|avg|mean|share|pct|hash|hashed|encrypted|opt"
    r"|allow|allows|valid|invalid|missing|type)_.*"
    r"|number_of_.*"
    r"|(.*_)?(mac|web|url|memory|wallet|contract|bitcoin|btc|eth)_?addr(ess)?(es)?"
    r"|(.*_)?(company|vendor|merchant|branch|office|warehouse|store|server|host)_(street|city|town"
    r"|addr(ess)?|zip(_?code)?|lat(itude)?|lon(gitude)?|lng|ip)"
)
"""Flags, numbers of things, and addresses of what is no person."""


def entities_of_name(name: str) -> tuple[str, ...]:
    """Return the entity that a column (or the last part of a path) is named after, or nothing.

    ``customerEmail``, ``user.email`` and ``E-Mail`` all say ``EMAIL_ADDRESS``; ``email_verified``
    and ``card_type`` say nothing.
    """
    plain = _plain(name.replace("[]", "").rsplit(".", 1)[-1])
    if _SAYS_NOTHING.fullmatch(plain):
        return ()
    fits = (entity for entity, rule in _COMPILED if rule.fullmatch(plain))
    return tuple(fits)[:1]


def _plain(name: str) -> str:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")
