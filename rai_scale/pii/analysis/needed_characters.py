"""Characters that every match of a regular expression contains; a text without them is skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import regex

from rai_scale.upstream.regular_expressions import kinds as sre
from rai_scale.upstream.regular_expressions import parsed

Expression = tuple[str, int]
"""A regular expression of the package ``regex`` and its flags."""
KNOWN_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE


class Needs(NamedTuple):
    """What every match of an expression contains: this many digits, and these characters."""

    digits: int = 0
    characters: frozenset[str] = frozenset()


class NeededCharacters:
    """Skips an expression if the text lacks what each of its matches contains."""

    def __init__(self, expressions: Sequence[Expression]) -> None:
        self._needs = [needs_of(*expression) for expression in expressions]

    def candidates(self, text: str) -> set[int]:
        """Return the numbers of the expressions whose needs the text meets."""
        digits = sum(map(str.isdecimal, text)) if any(n.digits for n in self._needs) else 0
        present = set(text)
        return {
            number
            for number, needs in enumerate(self._needs)
            if needs.digits <= digits and needs.characters <= present
        }


def needs_of(expression: str, flags: int) -> Needs:
    """Return what each match of an expression contains; nothing if it cannot be parsed."""
    try:
        tree = parsed(expression, flags & int(KNOWN_FLAGS))
    except Exception:  # syntax that only the package ``regex`` knows
        return Needs()
    return _needs(tree)


def _needs(tree: Any) -> Needs:
    parts = [_needs_of_item(kind, value) for kind, value in tree]
    characters = frozenset[str]().union(*(part.characters for part in parts))
    return Needs(sum(part.digits for part in parts), characters)


def _needs_of_item(kind: Any, value: Any) -> Needs:
    match kind:
        case sre.LITERAL:
            return _needs_of_literal(chr(value))
        case sre.IN:
            return Needs(int(all(_only_digits(*item) for item in value)))
        case sre.SUBPATTERN:
            needs = _needs(value[-1])
        case sre.ATOMIC_GROUP:
            needs = _needs(value)
        case sre.BRANCH:
            needs = _weakest([_needs(branch) for branch in value[1]])
        case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
            least, _, repeated = value
            one = _needs(repeated)
            needs = Needs(least * one.digits, one.characters) if least else Needs()
        case _:
            needs = Needs()
    return needs


def _needs_of_literal(character: str) -> Needs:
    if character.isdecimal():
        return Needs(1)
    cased = character.lower() != character.upper()
    return Needs() if cased or not character.isascii() else Needs(0, frozenset(character))


def _only_digits(kind: Any, value: Any) -> bool:
    if kind is sre.CATEGORY:
        return value is sre.CATEGORY_DIGIT
    if kind is sre.LITERAL:
        return chr(value).isdecimal()
    return kind is sre.RANGE and all(chr(code).isdecimal() for code in range(*value))


def _weakest(branches: Sequence[Needs]) -> Needs:
    characters = [branch.characters for branch in branches]
    return Needs(min(b.digits for b in branches), frozenset.intersection(*characters))
