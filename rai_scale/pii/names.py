"""What a column's name says about its content: one table of rules, in the words of data teams."""

from __future__ import annotations

import re

RULES: tuple[tuple[str, str], ...] = (
    ("EMAIL_ADDRESS", r"e_?mail|mail_?(addr|address|id)"),
    ("PHONE_NUMBER", r"phone|telephone|tel|mobile|cell(phone)?|fax|msisdn|contact_?(no|number)"),
    ("US_SSN", r"ssn|social_?sec(urity)?(_?(no|num|number))?"),
    ("CREDIT_CARD", r"(credit_?|debit_?|payment_?)?card_?(no|num|number)|cc_?(no|num|number)|pan"),
    ("IBAN_CODE", r"iban"),
    ("IP_ADDRESS", r"ip|ip_?addr(ess)?|client_?ip|remote_?addr(ess)?"),
    (
        "PERSON",
        r"(first|last|full|middle|given|family|maiden|sur|fore|nick|customer|client|patient|"
        r"employee|contact|person|user|holder|owner|doctor|provider|author|sender|recipient)_?name"
        r"|surname|cardholder|emergency_?contact|patient|doctor|physician",
    ),
    (
        "LOCATION",
        r"(street|home|postal|mailing|billing|shipping|residential)(_?addr(ess)?)?|addr(ess)?"
        r"(_?line)?(_?\d)?|city|town|zip(_?code)?|post_?code|postal_?code|latitude|longitude",
    ),
    ("DATE_TIME", r"dob|birth_?(date|day)|date_?of_?birth|born(_?on)?"),
    ("US_PASSPORT", r"passport(_?(no|num|number))?"),
    ("US_DRIVER_LICENSE", r"driv(er|ing)_?s?_?licen[cs]e(_?(no|num|number))?|dl_?(no|number)"),
    ("US_BANK_NUMBER", r"(bank_?)?(account|acct)_?(no|num|number)"),
    ("NRP", r"nationality|religion|ethnicity|race"),
)
_COMPILED = tuple((entity, re.compile(rf"(^|.*_)({rule})(_.*)?")) for entity, rule in RULES)
_COUNTS = re.compile(r"(^|_)(n|num|count|is|has|flag|type|domain|hash|verified|opt(in)?)(_|$)")


def entities_of_name(name: str) -> tuple[str, ...]:
    """Return the entities that a column (or the last part of a path) is named after.

    ``customerEmail``, ``user.email`` and ``E-Mail`` all say ``EMAIL_ADDRESS``; ``email_verified``
    and ``card_type`` say nothing.
    """
    plain = _plain(name.replace("[]", "").rsplit(".", 1)[-1])
    if _COUNTS.search(re.sub(r"_(no|num|number)$", "", plain)):
        return ()
    return tuple(entity for entity, rule in _COMPILED if rule.fullmatch(plain))


def _plain(name: str) -> str:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")
