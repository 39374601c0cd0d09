"""Which of Presidio's own patterns can match in a text at all, decided for all of them at once.

With ``hyperscan`` (extra ``fast``) one automaton reads the text once; it may name a pattern that
does not match, but never misses one that does. Without it a pattern is left out where the text has
too few digits for it, or lacks a character that every match has.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple, Protocol

import regex

Expression = tuple[str, int]
"""A regular expression of the package ``regex`` and its flags."""
_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE


class Prefilter(Protocol):
    """Says which expressions can match in a text."""

    def candidates(self, text: str) -> set[int]:
        """Return the numbers of all expressions that match in a text, and perhaps of others."""


class Unmatched:
    """Tells which of Presidio's own recognizers cannot find anything in a text.

    Recognizers that a configuration adds are always asked, for nothing is known of their syntax.
    """

    def __init__(self, recognizers: Sequence[Any]) -> None:
        expressions: list[Expression] = []
        self._numbers: dict[int, set[int]] = {}
        for number, recognizer in enumerate(recognizers):
            if _is_stock(recognizer):
                own = [(p.regex, int(recognizer.global_regex_flags)) for p in recognizer.patterns]
                self._numbers[number] = set(range(len(expressions), len(expressions) + len(own)))
                expressions += own
        self._phones = [n for n, r in enumerate(recognizers) if _is_phone(r)]
        self._digits = min(map(_digits_of_phone, (recognizers[n] for n in self._phones)), default=0)
        self._prefilter = prefilter(expressions)

    def of(self, text: str) -> list[int]:
        """Return the numbers of the recognizers that find nothing in a text."""
        candidates = self._prefilter.candidates(text)
        found = [n for n, own in self._numbers.items() if candidates.isdisjoint(own)]
        return found if _has_phone(text, self._digits) else found + self._phones


def prefilter(expressions: Sequence[Expression]) -> Prefilter:
    """Return the fastest prefilter that is installed."""
    try:
        return Automaton(expressions)
    except ImportError:
        return NeededCharacters(expressions)


def _is_stock(recognizer: Any) -> bool:
    """Return whether a recognizer and its patterns are Presidio's, and nothing else is matched."""
    from presidio_analyzer import PatternRecognizer
    from presidio_analyzer.predefined_recognizers import IbanRecognizer

    kind = type(recognizer)
    stock = {pattern.regex for pattern in getattr(kind, "PATTERNS", ())}
    return (
        kind.__module__.startswith("presidio_analyzer.predefined_recognizers.")
        and kind.analyze in (PatternRecognizer.analyze, IbanRecognizer.analyze)
        and {pattern.regex for pattern in recognizer.patterns} <= stock
    )


# ---------------------------------------------------------------- characters


class Needs(NamedTuple):
    """What every match of an expression contains: this many digits, and these characters."""

    digits: int = 0
    characters: frozenset[str] = frozenset()


class NeededCharacters:
    """Leaves out an expression where the text lacks what each of its matches contains."""

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
    """Return what each match of an expression contains; nothing where it cannot be parsed."""
    try:
        tree = sre_parser.parse(expression, flags & int(_FLAGS))
    except Exception:  # syntax that only the package ``regex`` knows
        return Needs()
    return _needs(tree)


def _needs(tree: Any) -> Needs:
    parts = [_needs_of_item(kind, value) for kind, value in tree]
    characters = frozenset[str]().union(*(part.characters for part in parts))
    return Needs(sum(part.digits for part in parts), characters)


def _needs_of_item(kind: Any, value: Any) -> Needs:
    if kind is sre.LITERAL:
        return _needs_of_literal(chr(value))
    if kind is sre.IN:
        return Needs(int(all(_only_digits(*item) for item in value)))
    if kind is sre.SUBPATTERN:
        return _needs(value[-1])
    if kind is sre.BRANCH:
        return _weakest([_needs(branch) for branch in value[1]])
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, _, repeated = value
        needs = _needs(repeated)
        return Needs(least * needs.digits, needs.characters) if least else Needs()
    if kind is sre.ATOMIC_GROUP:
        return _needs(value)
    return Needs()


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


# ---------------------------------------------------------------- automaton


class Automaton:
    """All expressions as one Hyperscan database, which finds at least what each of them finds.

    Hyperscan and ``regex`` must agree on what a letter, a digit and a space is. They do for the
    characters of :func:`_same_in_both`; a text with any other asks every expression.
    """

    def __init__(self, expressions: Sequence[Expression]) -> None:
        import hyperscan

        self._all = set(range(len(expressions)))
        self._database: dict[bool, Any] = {}
        self._hyperscan = hyperscan
        self._expressions = {
            number: (text, flags)
            for number, (text, flags) in enumerate(expressions)
            if flags & int(_FLAGS) == flags and text.isascii()
        }
        self._always = self._all - self._expressions.keys()

    def candidates(self, text: str) -> set[int]:
        """Return the numbers of the expressions that can match in a text."""
        if not _same_in_both().issuperset(text):
            return self._all
        found = set(self._always)
        database = self._of(text.isascii())
        database.scan(
            text.encode(), match_event_handler=lambda number, *_: found.add(number) and None
        )
        return found

    def _of(self, ascii_only: bool) -> Any:
        if ascii_only not in self._database:
            self._database[ascii_only] = self._build(ascii_only)
        return self._database[ascii_only]

    def _build(self, ascii_only: bool) -> Any:
        hs = self._hyperscan
        base = hs.HS_FLAG_PREFILTER | hs.HS_FLAG_ALLOWEMPTY | hs.HS_FLAG_SINGLEMATCH
        if not ascii_only:
            base |= hs.HS_FLAG_UTF8 | hs.HS_FLAG_UCP
        own = {
            int(regex.IGNORECASE): hs.HS_FLAG_CASELESS,
            int(regex.MULTILINE): hs.HS_FLAG_MULTILINE,
            int(regex.DOTALL): hs.HS_FLAG_DOTALL,
        }
        texts = [text.encode() for text, _ in self._expressions.values()]
        flags = [
            base | sum(hs_flag for flag, hs_flag in own.items() if flag & flags)
            for _, flags in self._expressions.values()
        ]
        key = repr((hs.__version__, list(self._expressions), texts, flags)).encode()
        file = cache_folder() / f"patterns-{hashlib.sha256(key).hexdigest()[:32]}.hsdb"
        try:
            database = hs.loadb(file.read_bytes(), hs.HS_MODE_BLOCK)
            database.scratch = hs.Scratch(database)
            return database
        except (OSError, hs.error):  # none yet, or one of another processor
            database = hs.Database(mode=hs.HS_MODE_BLOCK)
            ids = list(self._expressions)
            database.compile(expressions=texts, ids=ids, elements=len(ids), flags=flags)
            _keep(file, hs.dumpb(database))
            return database


def cache_folder() -> Path:
    """Return this user's folder for files that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rai_scale"


def _keep(file: Path, content: bytes) -> None:
    """Write a file whole or not at all; where nothing can be written it is made again next time."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(content)
        os.replace(part.name, file)
    except OSError:
        pass


@cache
def _same_in_both() -> frozenset[str]:
    """Return the characters of which Hyperscan (PCRE's rules) and ``regex`` say the same."""
    import unicodedata

    ranges = [range(0x20, 0x7F), range(0xA1, 0x250), range(0x2010, 0x2027), range(0x2030, 0x205F)]
    characters = [*"\t\n\r€", *(chr(code) for codes in ranges for code in codes)]

    def agrees(character: str) -> bool:
        kind = unicodedata.category(character)
        word = kind[0] in "LN" or character == "_"
        return (
            bool(regex.match(r"\w", character)) == word
            and bool(regex.match(r"\d", character)) == (kind == "Nd")
            and all(len(c) == 1 for c in (character.lower(), character.upper()))
            and (character.isascii() or not (character.lower() + character.upper()).isascii())
        )

    # "ı" and "ſ" equal ASCII letters in caseless matching, by rules that differ
    return frozenset(c for c in characters if agrees(c)) - set("ıİſ")


# ---------------------------------------------------------------- telephone numbers


def _is_phone(recognizer: Any) -> bool:
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    return type(recognizer) is PhoneRecognizer


def _digits_of_phone(recognizer: Any) -> int:
    """Return the fewest digits that a number has which the recognizer can find."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    abroad = [
        len(str(code)) + min(data.general_desc.possible_length)
        for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        for region in regions
        if (
            data := PhoneMetadata.metadata_for_nongeo_region(code, None)
            if region == "001"
            else PhoneMetadata.metadata_for_region(region, None)
        )
    ]
    at_home = [
        min(PhoneMetadata.metadata_for_region(region).general_desc.possible_length)
        for region in recognizer.supported_regions
    ]
    return min(abroad + at_home)


def _has_phone(text: str, digits: int) -> bool:
    """Return whether a stretch of a text that can be a telephone number has enough digits."""
    from rai_scale.upstream.phonenumbers import stretches

    return any(
        sum(map(str.isdecimal, match.group())) >= digits for match in stretches().finditer(text)
    )
