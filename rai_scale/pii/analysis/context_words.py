"""Whether a word before a hit can be a context word, before spaCy has tagged the text.

Presidio raises the score of a hit if the lemma of a word before it contains a context word. The
lemma depends on the word's part of speech, and there are few parts of speech: a word none of whose
possible lemmas contains a context word cannot raise a score, whatever its part of speech.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

WORDS_KEPT = 100_000
"""Number of words whose possible lemmas are cached per process."""


class ContextWords:
    """Decides whether spaCy's tags can change the score of a hit.

    ``usable`` is False if the possible lemmas of the pipeline are unknown, or if words after a hit
    count too.
    """

    def __init__(self, nlp: Language, words_before: int, words_after: int = 0) -> None:
        self._count = words_before + 1  # Presidio counts the hit's own first word too
        self._vocab = nlp.vocab
        self._lemmatizer = _rule_lemmatizer(nlp)
        self.usable = self._lemmatizer is not None and not words_after
        self._ruled = _ruled_lemmas(nlp)
        self.lemmas = lru_cache(WORDS_KEPT)(self._lemmas_of)
        self._holds = lru_cache(WORDS_KEPT)(self._holds_one)

    def can_raise(self, doc: Doc, starts: list[int], hits: Iterable[tuple[Any, Any]]) -> bool:
        """Return whether a word before one of the hits can contain a context word.

        Parameters
        ----------
        doc : Doc
            The text, split into words and not tagged.
        starts : list of int
            Where each word of ``doc`` starts, in characters.
        hits : iterable of (recognizer, result)
            What Presidio's recognizers found.
        """
        return any(
            self._holds(word, tuple(recognizer.context))
            for recognizer, result in hits
            for word in self._before(doc, starts, result.start)
        )

    def _before(self, doc: Doc, starts: list[int], start: int) -> Iterator[str]:
        """Yield at least the words that Presidio reads before a hit."""
        left = self._count
        for number in range(bisect_right(starts, start) - 1, -1, -1):
            word = doc[number].text
            yield word
            left -= all(map(self._is_keyword, self.lemmas(word)))
            if not left:
                return

    def _holds_one(self, word: str, context: tuple[str, ...]) -> bool:
        lemmas = [lemma.lower() for lemma in self.lemmas(word)]
        return any(one.lower() in lemma for one in context for lemma in lemmas)

    def _lemmas_of(self, word: str) -> frozenset[str]:
        """Return all lemmas that a word can have: by rule or exception, in any part of speech."""
        lookups: Any = self._lemmatizer.lookups  # type: ignore[union-attr]
        lowered = word.lower()
        ruled = (lemma for condition, lemma in self._ruled if _may_meet(condition, lowered))
        lemmas = {word, lowered, *ruled}
        for rules in lookups.get_table("lemma_rules", {}).values():
            lemmas |= {
                lowered[: len(lowered) - len(old)] + new
                for old, new in rules
                if lowered.endswith(old)
            }
        for exceptions in lookups.get_table("lemma_exc", {}).values():
            lemmas.update(exceptions.get(lowered, ()))
        return frozenset(lemmas - {""})

    def _is_keyword(self, lemma: str) -> bool:
        """Return whether Presidio counts a lemma; it skips stop words and punctuation."""
        lexeme = self._vocab[lemma]
        return not (lexeme.is_stop or lexeme.is_punct or ":" in lemma or lemma in ("-PRON-", "be"))


def _rule_lemmatizer(nlp: Language) -> Any:
    """Return the pipeline's lemmatizer if it is spaCy's own by rules, else None."""
    from spacy.pipeline import Lemmatizer

    names = [n for n in nlp.pipe_names if isinstance(nlp.get_pipe(n), Lemmatizer)]
    writers = [n for n in nlp.pipe_names if "lemmatizer" in nlp.get_pipe_meta(n).factory]
    if len(names) != 1 or writers != names:
        return None
    lemmatizer: Any = nlp.get_pipe(names[0])
    own = type(lemmatizer).rule_lemmatize is Lemmatizer.rule_lemmatize
    return lemmatizer if own and lemmatizer.mode == "rule" else None


def _ruled_lemmas(nlp: Language) -> list[tuple[Any, str]]:
    """Return the lemmas that attribute rulers give, each with the condition on the word."""
    return [
        (pattern[rule["index"]].get("LOWER"), rule["attrs"]["LEMMA"])
        for name in nlp.pipe_names
        for rule in getattr(nlp.get_pipe(name), "patterns", ())
        if "LEMMA" in rule.get("attrs", ())
        for pattern in rule["patterns"]
    ]


def _may_meet(condition: Any, lowered: str) -> bool:
    """Return whether a word in lower case may meet an attribute ruler's condition on it."""
    match condition:
        case str():
            return condition == lowered
        case {"IN": words, **other} if not other:
            return lowered in words
        case {"REGEX": str(expression), **other} if not other:
            return re.search(expression, lowered) is not None
    return True
