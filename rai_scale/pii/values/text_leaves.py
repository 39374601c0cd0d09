"""Text leaves of values: a plain value has one, a JSON document or a nested value may have many.

A leaf is identified by its path: ``user.email``, ``items[].note``. A key of a document that does
not look like a field name may itself be personal data: it is a leaf too, and ``*`` replaces it in
paths.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.engines.plain_texts import whole_text

FIELD_NAME = re.compile(r"(?!(?:.*[0-9]){7})[A-Za-z_$][A-Za-z0-9_:$-]{0,63}")
"""A name with seven or more digits is more likely a person's number than a field name."""
LONG_PATH = 300
"""A path with more characters is truncated, so leaves below this depth share a path."""
_EXPONENT_FORM = re.compile(r"\s*[+-]?[0-9]{1,40}([.,][0-9]{1,40})?[eE]\+?[0-9]{1,2}\s*", re.ASCII)


class Treat(Enum):
    """What happens to the values that a rule covers."""

    ANALYSE = "analyse"
    """Each text is a leaf."""
    REPLACE = "replace"
    """Each value is a leaf, also a number, true or false; it becomes text."""
    KEEP = "keep"
    """Nothing is a leaf."""
    EMPTY = "empty"
    """The value becomes null, with everything below it."""
    DROP = "drop"
    """The field, key or column is removed, with everything below it."""


REMOVED = (Treat.EMPTY, Treat.DROP)


class TextLeaf(NamedTuple):
    """A text inside a value; ``rule`` is the rule that covers it, if there is one.

    A value that is made null or removed is a leaf without text.
    """

    path: str
    text: str
    rule: str | None = None
    treat: Treat = Treat.ANALYSE

    @property
    def name(self) -> str:
        """Name of the leaf in findings."""
        return self.path if self.rule is None or self.treat is Treat.ANALYSE else self.rule


class RuleBelow(NamedTuple):
    """A rule that may apply below a node: the rest of its path, its full path, what it does."""

    rest: str
    rule: str
    treat: Treat


class ValueNode(NamedTuple):
    """A node of a nested value: its path, the rule that covers it, and the rules below it.

    Paths are compared with the keys as they are written, so a key may contain spaces, dots and
    accents; only the two Unicode forms of an accent (NFC and NFD) are the same.
    """

    path: str
    rule: str | None = None
    treat: Treat = Treat.ANALYSE
    below: tuple[RuleBelow, ...] = ()

    def leaf(self, text: str = "") -> TextLeaf:
        """Return a leaf at this node."""
        return TextLeaf(self.path, text, self.rule, self.treat)

    def field(self, key: str, schema: bool = False) -> tuple[ValueNode, bool]:
        """Return the node under a key, and whether the key is a field name.

        Names from a ``schema`` and keys that a rule names are field names.
        """
        known = schema or FIELD_NAME.fullmatch(key) is not None
        if not self.below:
            path = _longer(self.path, f".{key if known else '*'}")
            return ValueNode(path, self.rule, self.treat), known
        named = tuple(_left(self.below, f".{_composed(key)}"))
        known = known or bool(named)
        left = named if known else tuple(_left(self.below, ".*"))
        return self._inner(f".{key if known else '*'}", left), known

    def item(self) -> ValueNode:
        """Return the node of the items of a list."""
        return self._inner("[]", tuple(_left(self.below, "[]")))

    def entry(self, key: object) -> tuple[ValueNode, bool]:
        """Return the node under a key of a typed map, and whether a rule names the key."""
        named = tuple(_left(self.below, f".{_composed(str(key))}"))
        return (self._inner(f".{key}", named), True) if named else (self.other_key(), False)

    def other_key(self) -> ValueNode:
        """Return the node under the keys of a typed map that no rule names."""
        return self._inner(".*", tuple(_left(self.below, ".*")))

    def _inner(self, step: str, left: tuple[RuleBelow, ...]) -> ValueNode:
        _, rule, treat = next((found for found in left if not found.rest), self[:3])
        below = tuple(found for found in left if found.rest)
        return ValueNode(_longer(self.path, step), rule, treat, below)


def root(column: str, rules: Mapping[str, Treat] | Iterable[str] = ()) -> ValueNode:
    """Return the node of a column, with the rules (full paths) for it and for what is inside.

    Without a rule of its own, the column is analysed. Rules without :class:`Treat` replace.
    """
    treats = rules if isinstance(rules, Mapping) else dict.fromkeys(rules, Treat.REPLACE)
    below = tuple(
        RuleBelow(_composed(rule[len(column) :]), rule, treat)
        for rule, treat in treats.items()
        if is_inside(rule, column)
    )
    named = column if column in treats else None
    return ValueNode(column, named, treats.get(column, Treat.ANALYSE), below)


def is_inside(path: str, outer: str) -> bool:
    """Return whether a path is below another one."""
    return path.startswith((f"{outer}.", f"{outer}["))


def _composed(text: str) -> str:
    """Return a text in the Unicode form NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _left(below: Iterable[RuleBelow], step: str) -> Iterable[RuleBelow]:
    for path, rule, treat in below:
        rest = path[len(step) :]
        if path.startswith(step) and rest[:1] in ("", ".", "["):
            yield RuleBelow(rest, rule, treat)


def _longer(path: str, step: str) -> str:
    if len(path) <= LONG_PATH:
        return path + step
    return path if path.endswith("…") else f"{path}…"


def value_text(value: Any) -> str | None:
    """Return the text of a plain value; None for null, NaN, bool and bytes.

    An integer has the same text whatever its type, because pandas turns a column of integers into
    floats if one of them is missing.
    """
    if value is None or isinstance(value, bytes | bool) or value != value:  # noqa: PLR0124
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value:
        return repr(value).removesuffix(".0")
    if isinstance(value, dt.timedelta | pa.MonthDayNano):
        return whole_text(value)
    return f"{value:f}" if isinstance(value, Decimal) and value.is_finite() else str(value)


def exponent_digits(text: str) -> str | None:
    """Return the digits of an integer in exponent form (``4.0E15``, as Java writes doubles)."""
    if not _EXPONENT_FORM.fullmatch(text):
        return None
    number = Decimal(text.strip().replace(",", "."))
    return f"{number:f}".split(".")[0] if number == number.to_integral_value() else None


def valid_text(text: str) -> str:
    """Return a text of the same length with U+FFFD for lone surrogates, which UTF-8 lacks."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_json(document: Any) -> str:
    """Return a document as compact JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
