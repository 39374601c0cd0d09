"""How easily the rows of a table lead to people, from the classes of its columns together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from rai_scale.pii.data_classes.kinds import DIRECT, QUASI_KINDS
from rai_scale.pii.scanning.verdict import Finding

Level = Literal["high", "medium", "low", "none"]
_MANY, _SOME = 3, 2


class Risk(NamedTuple):
    """The risk of a table, the reason in sentences, and the kinds of quasi-identifiers."""

    level: Level
    reason: str
    together: tuple[str, ...] = ()


def risk_of(findings: Sequence[Finding]) -> Risk:
    """Return the risk of a table.

    Three kinds of quasi-identifiers single most people out: birth date, gender and five-digit
    postcode together are unique for an estimated 87 % of the population of the United States
    (Sweeney 2000, *Simple Demographics Often Identify People Uniquely*).

    Parameters
    ----------
    findings : sequence of Finding
        Of all columns; those that are only possible or unlikely do not count.

    Returns
    -------
    Risk
        "high" for direct identifiers, secrets, three kinds of quasi-identifiers, or two of them
        with data on health or finance; "medium" for two kinds of quasi-identifiers, or data on
        health or finance; "low" for one kind of quasi-identifier; otherwise "none".
    """
    sure = [f for f in findings if f.verdict in (*DIRECT, "indirect")]
    kinds = dict.fromkeys(QUASI_KINDS[f.entity] for f in sure if f.entity in QUASI_KINDS)
    content = {f.data_class for f in sure if f.verdict == "indirect"} & {"health", "financial"}
    topics = " and ".join("finance" if c == "financial" else c for c in sorted(content))
    parts = []
    if any(f.verdict == "personal" for f in sure):
        parts.append("It holds direct identifiers.")
    if any(f.verdict == "secret" for f in sure):
        parts.append("It holds secrets.")
    level: Level = "high" if parts else "none"
    if len(kinds) >= _SOME:
        many = len(kinds) >= _MANY or bool(content)
        level = "high" if many or level == "high" else "medium"
        ending = "single out many people" if len(kinds) >= _MANY else "can single people out"
        parts.append(f"It holds {_listed(list(kinds))}; together they {ending}.")
    elif kinds:
        level = "low" if level == "none" else level
        parts.append(f"It holds one kind of quasi-identifier: {_listed(list(kinds))}.")
    if content:
        level = "medium" if level in ("none", "low") else level
        parts.append(f"It holds data on {topics}.")
    return Risk(level, " ".join(parts), tuple(kinds))


def _listed(words: list[str]) -> str:
    words = [word.replace("birth date or age", "birth date (or age)") for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
