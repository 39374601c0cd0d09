"""From the words of a page to findings with boxes, and to the rectangles that are painted over."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from rai_scale.pii.analysis.analyzer import ValueAnalyzer
from rai_scale.pii.images.image_process import PageWords
from rai_scale.tables.images.book import Box
from rai_scale.tables.images.dicom_tags import plain_word
from rai_scale.tables.images.tesseract import Word

_MARGIN = 0.12
"""Share of the height of a word that is painted over around it: OCR's boxes are tight."""
_LEAST = 2


class ImageFinding(NamedTuple):
    """A word of a finding, with its box.

    Attributes
    ----------
    entity : str
    score : float
        From 0 to 1.
    left, top, width, height : int
        In pixels.
    """

    entity: str
    score: float
    left: int
    top: int
    width: int
    height: int


class AnalysisFailed(Exception):
    """The text of a page could not be analysed; the argument is the type of the error."""


class Found(NamedTuple):
    """What is personal on a page: one finding per word, and the rectangles to paint over."""

    findings: list[ImageFinding]
    boxes: list[Box]


def find_on_page(page: PageWords, analyzer: ValueAnalyzer) -> Found:
    """Return what is personal on a page.

    The text is the words of a reading, joined by spaces, as ``ImageAnalyzerEngine`` of
    presidio-image-redactor joins them. Every word that a result touches is a finding; Presidio's
    engine leaves out a word if the result is only a part of it and goes on in the next word. The
    text is also analysed with its line breaks, because a name that ends a line is otherwise often
    taken together with the words below it.

    Parameters
    ----------
    page : PageWords
    analyzer : ValueAnalyzer

    Raises
    ------
    AnalysisFailed
    """
    scores: dict[tuple[str, Box], float] = {}
    boxes: dict[Box, None] = {}
    for words in page.readings:
        if not words:
            continue
        for entity, score, first, last in _spans(words, analyzer, page.known):
            part = words[first:last]
            for key in ((entity, _box(word)) for word in part):
                scores[key] = max(score, scores.get(key, 0))
            boxes |= dict.fromkeys(_rectangles(part))
    found = [ImageFinding(entity, score, *box) for (entity, box), score in scores.items()]
    return Found(found, list(boxes))


def _spans(
    words: Sequence[Word], analyzer: ValueAnalyzer, known: dict[str, str]
) -> Iterator[tuple[str, float, int, int]]:
    """Yield type, score, and the first and last word of each result."""
    starts, ends = [], []
    position = 0
    for word in words:
        starts.append(position)
        ends.append(position + len(word.text))
        position = ends[-1] + 1
    flat = " ".join(word.text for word in words)
    for result in _results([flat, _with_lines(words)], analyzer):
        first = bisect_right(ends, result.start)
        yield result.entity_type, result.score, first, bisect_left(starts, result.end)
    for number, word in enumerate(words):
        entity = known.get(plain_word(word.text))
        if entity is not None:
            yield entity, 1.0, number, number + 1


def _with_lines(words: Sequence[Word]) -> str:
    """Return the text with a line break where OCR saw one; positions stay the same."""
    lines = groupby(words, key=lambda word: word.line)
    return "\n".join(" ".join(word.text for word in line) for _, line in lines)


def _results(texts: list[str], analyzer: ValueAnalyzer) -> Iterator[Any]:
    for analysis in analyzer.analyze(texts):
        if analysis.error:
            raise AnalysisFailed(analysis.error)
        yield from analysis.results


def _box(word: Word) -> Box:
    return word.left, word.top, word.width, word.height


def _rectangles(words: Sequence[Word]) -> Iterator[Box]:
    """Yield one rectangle per line, which also covers the spaces between words.

    A slanted line gets several, so that they do not cover the lines above and below.
    """
    for _, line in groupby(words, key=lambda word: word.line):
        part: list[Word] = []
        for word in line:
            if part and not _in_line(part[0], word):
                yield _around(part)
                part = []
            part.append(word)
        yield _around(part)


def _in_line(first: Word, word: Word) -> bool:
    """Return whether two words are at the same height, or one above the other as in turned text."""
    down = 2 * abs(word.top + word.height / 2 - first.top - first.height / 2)
    across = 2 * abs(word.left + word.width / 2 - first.left - first.width / 2)
    return down < min(first.height, word.height) or across < min(first.width, word.width)


def _around(part: Sequence[Word]) -> Box:
    left, top = min(w.left for w in part), min(w.top for w in part)
    right = max(w.left + w.width for w in part)
    bottom = max(w.top + w.height for w in part)
    margin = max(_LEAST, round(_MARGIN * min(right - left, bottom - top)))
    return left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin
