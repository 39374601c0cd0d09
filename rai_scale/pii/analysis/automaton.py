"""All patterns as one Hyperscan automaton, compiled once per user and kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import regex

from rai_scale.pii.analysis.needed_characters import KNOWN_FLAGS, Expression


class Automaton:
    """All expressions as one Hyperscan database, which finds at least what each of them finds.

    Hyperscan and ``regex`` must agree on what a letter, a digit and a space is. They do for the
    characters of :func:`_same_in_both`; for a text with any other, every expression runs.
    """

    def __init__(self, expressions: Sequence[Expression]) -> None:
        import hyperscan

        self._all = set(range(len(expressions)))
        self._database: dict[bool, Any] = {}
        self._hyperscan = hyperscan
        self._expressions = {
            number: (text, flags)
            for number, (text, flags) in enumerate(expressions)
            if flags & int(KNOWN_FLAGS) == flags and text.isascii()
        }
        self._always = self._all - self._expressions.keys()

    def candidates(self, text: str) -> set[int]:
        """Return the numbers of the expressions that can match in a text."""
        if not _same_in_both().issuperset(text):
            return self._all
        found = set(self._always)

        def noted(number: int, *_: Any) -> None:  # a true value would end the scan
            found.add(number)

        database = self._of(text.isascii())
        if database is None:
            return self._all
        database.scan(text.encode(), match_event_handler=noted)
        return found

    def _of(self, ascii_only: bool) -> Any:
        if ascii_only not in self._database:
            self._database[ascii_only] = self._build(ascii_only)
        return self._database[ascii_only]

    def _build(self, ascii_only: bool) -> Any:
        """Return the database, or None if Hyperscan does not take an expression."""
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
        try:  # Hyperscan checks the CRC and the processor
            database = hs.loadb(_kept(file), hs.HS_MODE_BLOCK)
            database.scratch = hs.Scratch(database)
            return database
        except (OSError, hs.error):
            return self._compiled(texts, flags, file)

    def _compiled(self, texts: list[bytes], flags: list[int], file: Path) -> Any:
        hs = self._hyperscan
        database = hs.Database(mode=hs.HS_MODE_BLOCK)
        ids = list(self._expressions)
        try:
            database.compile(expressions=texts, ids=ids, elements=len(ids), flags=flags)
        except hs.error:
            return None
        _keep(file, hs.dumpb(database))
        return database


def cache_folder() -> Path:
    """Return this user's folder for files that can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "rai_scale"


def _kept(file: Path) -> bytes:
    """Return the content of a file that only this user can have written."""
    about = file.stat()
    if about.st_uid != os.geteuid() or about.st_mode & 0o022:
        raise PermissionError(f"{file} can be written by others")
    return file.read_bytes()


def _keep(file: Path, content: bytes) -> None:
    """Write a file completely or not at all; if that fails, it is compiled again next time."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(content)
        os.replace(part.name, file)
    except OSError:
        pass


@cache
def _same_in_both() -> frozenset[str]:
    """Return the characters that Hyperscan (PCRE's rules) and ``regex`` classify alike."""
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
