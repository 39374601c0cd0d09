"""Find names of people by lists of given names and surnames.

The lists are public: the given names and the 3,000 most frequent surnames of the US census of 1990
(public domain), and given names of other countries that were written down for this package.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

NAME = "names by lists"
FULL, ALONE = 0.65, 0.5
"""Scores of a full name, and of a given name alone."""
_SHORT = 4
"""Length of a short word: in capitals it is an abbreviation."""
_PARTICLES = frozenset(
    {
        *("van", "von", "der", "den", "de", "del", "della", "la", "bin", "ibn"),
        *("al", "el", "da", "dos", "di", "du", "le", "ter"),
    }
)


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the lines of a file in ``name_lists``, without its comments."""
    text = files("rai_scale.pii.analysis").joinpath("name_lists", name).read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


@cache
def _names_in(name: str) -> frozenset[str]:
    return frozenset(folded(word) for line in word_list(name) for word in line.split())


def folded(word: str) -> str:
    """Return a word in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).replace("ł", "l")


@cache
def name_recognizer() -> type[Any]:
    """Return a recognizer that, like Presidio's pattern recognizers, reads only the text."""
    import regex
    from presidio_analyzer import Pattern, PatternRecognizer, RecognizerResult

    word = r"\p{L}[\p{L}\p{M}'’-]*"
    # a run of words with spaces between them, in which single capitals are initials
    run = regex.compile(rf"(?<![\w@.-]){word}(?:[ \t]+(?:\p{{Lu}}\.(?=\s)|{word})){{0,5}}")
    surname = regex.compile(rf"{word},[ ]\Z")
    parts = regex.compile(rf"\p{{Lu}}\.(?=\s)|{word}")

    class NameRecognizer(PatternRecognizer):  # type: ignore[misc]
        """Given names, with what follows them."""

        def __init__(self, language: str) -> None:
            super().__init__(
                "PERSON",
                name=NAME,
                supported_language=language,
                patterns=[Pattern(NAME, r"(?!)", FULL)],
            )

        def analyze(
            self, text: str, entities: Any, nlp_artifacts: Any = None, regex_flags: Any = None
        ) -> list[Any]:
            """Return the names in a text."""
            results = []
            at = 0
            while (found := run.search(text, at)) is not None:
                words = [m.span() for m in parts.finditer(found[0])]
                names = list(_names(found[0], words))
                for first, end, score in names:
                    before = surname.search(text, max(0, found.start() - 40), found.start())
                    start = first - (_length_of_surname(before[0]) if before and not first else 0)
                    result = RecognizerResult(
                        "PERSON", found.start() + start, found.start() + end, score
                    )
                    result.recognition_metadata = {
                        RecognizerResult.RECOGNIZER_NAME_KEY: NAME,
                        RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                    }
                    result.analysis_explanation = self.build_regex_explanation(
                        NAME, NAME, "", score, False, 0
                    )
                    results.append(result)
                # the next run begins after the name, or one word later
                at = found.start() + (names[-1][1] if names else words[0][1])
            return results

    return NameRecognizer


def _names(run: str, words: list[tuple[int, int]]) -> Iterator[tuple[int, int, float]]:
    """Yield the name that a run of words begins with, as (start, end, score)."""
    texts = [run[start:end] for start, end in words]
    key, also_words = _key(texts[0]), _names_in("also_words.txt")
    given = _names_in("given.txt")
    if key not in given - _names_in("never_names.txt") or not _is_name_like(texts[0]):
        if _lower_name(texts):
            yield words[0][0], words[1][1], ALONE
        return
    last = _last_word(texts)
    needs_surname = key in also_words or len(key) < _SHORT
    surnames = (given | _names_in("surnames.txt")) - also_words
    has_initial = any(len(text.rstrip(".")) == 1 for text in texts[: last + 1])
    if last and (has_initial or not needs_surname or _key(texts[last]) in surnames):
        yield words[0][0], _end(run, words[last]), FULL
    elif not needs_surname:
        yield words[0][0], _end(run, words[0]), ALONE


def _last_word(texts: list[str]) -> int:
    """Return the number of the last word of a name that begins with the first word."""
    last = 0
    for number in range(1, min(len(texts), 4)):
        particle = folded(texts[number]) in _PARTICLES
        ended = texts[number - 1].endswith(("'s", "’s"))
        named = _is_name_like(texts[number]) and _key(texts[number]) not in _names_in(
            "not_names.txt"
        )
        if ended or not (particle or named):
            break
        last = last if particle else number
    return last


def _length_of_surname(before: str) -> int:
    """Return the length of "Surname, " before a given name; 0 if it is another word."""
    key = _key(before.rstrip(", "))
    known = key in _names_in("surnames.txt") and key not in _names_in("also_words.txt") | {"best"}
    return len(before) if known and before[0].isupper() else 0


def _lower_name(texts: list[str]) -> bool:
    """Return whether two words in lower case are a given name and a surname, and nothing else."""
    keys = [_key(text) for text in texts[:2]]
    words = _names_in("also_words.txt") | _names_in("not_names.txt")
    if len(keys) < 2 or any(len(key) < _SHORT or key in words for key in keys):  # noqa: PLR2004
        return False
    return keys[0] in _names_in("given.txt") and keys[1] in _names_in("surnames.txt")


def _is_name_like(word: str) -> bool:
    """Return whether a word is written like a name; short words in capitals are abbreviations."""
    short = 1 < len(word) <= _SHORT and word.isupper() and not word.endswith(".")
    return word[0].isupper() and not short


def _key(word: str) -> str:
    return folded(word).removesuffix("'s").removesuffix("’s")


def _end(run: str, span: tuple[int, int]) -> int:
    word = run[span[0] : span[1]]
    return span[1] - 2 * word.endswith(("'s", "’s"))
