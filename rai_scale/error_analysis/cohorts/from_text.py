"""Conditions from text: a small part of SQL's WHERE, read token by token.

Messages give the position of an error and never the text of a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

from rai_scale.error_analysis.cohorts.conditions import (
    KEYWORDS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Missing,
    Node,
    Not,
    OneOf,
    Outcome,
)
from rai_scale.errors import ConfigError, did_you_mean

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*')
  | (?P<name>"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])
  | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w))
  | (?P<op><=|>=|<>|!=|==|=|<|>)
  | (?P<sign>[(),])
  | (?P<word>[^\W\d]\w*)
  | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_WORDS = {
    "text": "a text",
    "name": "a column",
    "number": "a number",
    "op": "a comparison",
    "sign": "a bracket or comma",
    "word": "a word",
    "end": "the end",
}
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_SPELLED = {"==": "=", "<>": "!="}
DEEPEST = 100


@dataclass(frozen=True)
class Token:
    """A token: its kind, its text, and the position of its first character (from 1)."""

    kind: str
    text: str
    at: int


def parse_condition(text: str) -> Condition:
    """Return the condition that a text describes.

    Raises
    ------
    ConfigError
        If the text is malformed; the message has the position and no values.
    """
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while not found or found[-1].kind != "end":
        match = _TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise ConfigError(
                f"cohort: character {start} cannot be read. Put texts in single quotes, and "
                "columns with spaces or dots in double quotes."
            )
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind) + 1))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def whole(self) -> Condition:
        found = self.either()
        if self.next.kind != "end":
            self.refuse("'and', 'or' or the end", ("and", "or"))
        return found

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, *words: str) -> bool:
        """Read one of some keywords, if it is next."""
        found = self.next.kind == "word" and self.next.text.lower() in words
        self.at += found
        return found

    def sign(self, sign: str) -> None:
        if self.next.text != sign or self.next.kind != "sign":
            self.refuse(f"'{sign}'")
        self.at += 1

    def refuse(self, wanted: str, words: tuple[str, ...] = ()) -> NoReturn:
        found = self.next
        hint = did_you_mean(found.text.lower(), words) if found.kind == "word" else ""
        raise ConfigError(
            f"cohort: expected {wanted} at character {found.at}, found {_WORDS[found.kind]}.{hint}"
        )

    def either(self) -> Condition:
        parts = [self.both()]
        while self.word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self) -> Condition:
        parts = [self.negated()]
        while self.word("and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def negated(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ConfigError(f"cohort: more than {DEEPEST} nested conditions.")
        if self.word("not"):
            found: Condition = Not(self.negated())
        elif self.next.text == "(" and self.next.kind == "sign":
            self.at += 1
            found = self.either()
            self.sign(")")
        else:
            found = self.atom()
        self.depth -= 1
        return found

    def atom(self) -> Condition:  # noqa: PLR0911
        if self.next.kind in ("number", "text"):
            return self.chained()
        if self.word("right", "wrong"):
            return Outcome(self.tokens[self.at - 1].text.lower() == "right")
        if self.word("true", "false"):
            return AllOf() if self.tokens[self.at - 1].text.lower() == "true" else AnyOf()
        if self.next.text.lower() == "node" and self.tokens[self.at + 1].kind == "number":
            self.at += 1
            return Node(int(float(self.take().text)))
        column = self.column()
        if self.next.kind == "op":
            return self.comparison(column)
        if self.word("is"):
            other = self.word("not")
            if not self.word("null", "missing"):
                self.refuse("'null'", ("null",))
            return Not(Missing(column)) if other else Missing(column)
        inside = not self.word("not")
        if self.word("in"):
            return OneOf(column, self.listed(), inside)
        if inside and self.word("between"):
            low = self.value()
            if not self.word("and"):
                self.refuse("'and'", ("and",))
            return AllOf((Compare(column, ">=", low), Compare(column, "<=", self.value())))
        words = ("in", "is", "between", "not")
        self.refuse("a comparison, 'in', 'between' or 'is null'", words)

    def chained(self) -> Condition:
        """Read ``18 <= age`` or ``18 <= age < 30``."""
        value, op = self.value(), self.op()
        column = self.column()
        first = Compare(column, _FLIPPED[op], value)
        return AllOf((first, self.comparison(column))) if self.next.kind == "op" else first

    def comparison(self, column: str) -> Condition:
        op = self.op()
        if self.next.kind == "word" and self.next.text.lower() == "null":
            raise ConfigError(
                f"cohort: a comparison with null at character {self.next.at} is never true. Use "
                "'is null' or 'is not null'."
            )
        return Compare(column, op, self.value())

    def op(self) -> str:
        if self.next.kind != "op":
            self.refuse("a comparison such as <=")
        text = self.take().text
        return _SPELLED.get(text, text)

    def column(self) -> str:
        found = self.next
        if found.kind == "name":
            self.at += 1
            mark, inner = found.text[0], found.text[1:-1]
            return inner if mark == "[" else inner.replace(mark * 2, mark)
        if found.kind != "word" or found.text.lower() in KEYWORDS:
            self.refuse("a column", KEYWORDS)
        return self.take().text

    def listed(self) -> tuple[Any, ...]:
        self.sign("(")
        values = [self.value()]
        while self.next.text == "," and self.next.kind == "sign":
            self.at += 1
            values.append(self.value())
        self.sign(")")
        return tuple(values)

    def value(self) -> Any:
        if self.next.kind in ("word", "name") and self.next.text.lower() not in ("true", "false"):
            raise ConfigError(
                f"cohort: expected a value at character {self.next.at}, found a word. Put texts in "
                "single quotes."
            )
        if self.word("true", "false"):
            return self.tokens[self.at - 1].text.lower() == "true"
        if self.next.kind not in ("number", "text"):
            self.refuse("a value")
        found = self.take()
        if found.kind == "text":
            return found.text[1:-1].replace("''", "'")
        return float(found.text) if set(found.text) & set(".eE") else int(found.text)
