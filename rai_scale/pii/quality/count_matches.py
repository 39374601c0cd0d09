"""The table function of an evaluation: counts per column, entity and cluster, to be added."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import MissingModelError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.quality.labels import BadLabelsError, Columns, spans_of, texts_in
from rai_scale.pii.quality.matching import (
    ANY,
    Matches,
    Span,
    match_characters,
    match_spans,
    outermost,
    renamed,
)
from rai_scale.pii.redaction.findings import table_of_rows
from rai_scale.statistics.keyed_hash import text_hashes

BAD = "#bad"
"""In place of an entity: texts whose labels do not fit."""
TEXTS, ERRORS = "texts", ("errors_0", "errors_1")


def counts_schema(systems: int) -> pa.Schema:
    """Return the schema of the counts of one detector, or of two."""
    own = [f"{name}_{i}" for i in range(systems) for name in ("found", "hits", "covered", "errors")]
    return pa.schema(
        {
            **{"column": pa.string(), "entity": pa.string(), "cluster": pa.int64()},
            **dict.fromkeys([TEXTS, "labelled", *own], pa.int64()),
        }
    )


@dataclass(frozen=True)
class CountMatches:
    """Analyse the texts of a batch and compare the findings with their labels.

    Attributes
    ----------
    systems : tuple of AnalyzerConfig
        The detector, and the baseline if there is one.
    columns : Columns
    match : {"characters", "spans"}
    entity_map : tuple of (str, str or None)
        New names of entities; None leaves an entity out.
    """

    systems: tuple[AnalyzerConfig, ...]
    columns: Columns
    match: str
    entity_map: tuple[tuple[str, str | None], ...] = ()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return rows of :func:`counts_schema`."""
        counts: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
        texts = texts_in(table[self.columns.text].to_pylist())
        kept = [row for row, text in enumerate(texts) if text is not None]
        table, known = table.take(pa.array(kept, pa.int64())), [str(texts[row]) for row in kept]
        names = self._names(table)
        found = [self._found(system, known, names) for system in self.systems]
        clusters, spans = self._clusters(table, known), table[self.columns.spans].to_pylist()
        for row, text in enumerate(known):
            at = (names[row], clusters[row])
            try:
                labels = renamed(spans_of(text, spans[row]), dict(self.entity_map))
            except BadLabelsError:
                counts[names[row], BAD, 0][TEXTS] += 1
                continue
            self._add(counts, at, text, labels, [own[row] for own in found])
        schema = counts_schema(len(self.systems))
        fields = schema.names[3:]
        rows = [(*key, *(n[name] for name in fields)) for key, n in sorted(counts.items())]
        return table_of_rows(rows, schema)

    def _names(self, table: pa.Table) -> list[str]:
        if self.columns.column is None:
            return [self.columns.text] * table.num_rows
        return [text or "" for text in texts_in(table[self.columns.column].to_pylist())]

    def _clusters(self, table: pa.Table, texts: Sequence[str]) -> list[int]:
        """Return a hash of each row's template; without one, of the text itself."""
        own = [None] * len(texts)
        named = texts_in(table[self.columns.template].to_pylist()) if self.columns.template else own
        keys = {
            "template": pa.array(named, pa.string()),
            "text": pa.array(
                [t if n is None else None for t, n in zip(texts, named, strict=True)], pa.string()
            ),
        }
        hashed = text_hashes(keys, 0).view(np.int64)
        return [int(value) for value in hashed]

    def _found(
        self, system: AnalyzerConfig, texts: Sequence[str], names: Sequence[str]
    ) -> list[list[Span] | None]:
        """Return the findings per text; None where the analysis failed."""
        analyzer, found = get_analyzer(system), dict[int, list[Span] | None]()
        by_name: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(names):
            by_name[name].append(row)
        for name, rows in by_name.items():
            context = name.replace("[]", "").rsplit(".", 1)[-1]
            for row, done in zip(
                rows, analyzer.analyze([texts[r] for r in rows], context), strict=True
            ):
                own = renamed(outermost(done.results), dict(self.entity_map))
                found[row] = None if done.error else own
        return [found[row] for row in range(len(texts))]

    def _add(
        self,
        counts: dict[tuple[str, str, int], Counter[str]],
        at: tuple[str, int],
        text: str,
        labels: list[Span],
        found: Sequence[list[Span] | None],
    ) -> None:
        column, cluster = at
        counts[column, ANY, cluster][TEXTS] += 1
        for number, own in enumerate(found):
            counts[column, ANY, cluster][ERRORS[number]] += own is None
            for entity, matches in self._matched(text, labels, own or []).items():
                entry = counts[column, entity, cluster]
                entry["labelled"] += matches.labelled if number == 0 else 0
                for name in ("found", "hits", "covered"):
                    entry[f"{name}_{number}"] += getattr(matches, name)

    def _matched(self, text: str, labels: list[Span], found: list[Span]) -> Mapping[str, Matches]:
        if self.match == "spans":
            return match_spans(labels, found)
        return match_characters(len(text), labels, found)


@dataclass(frozen=True)
class FindableEntities:
    """The entities that a detector can find, computed where Presidio is installed."""

    def __call__(self, config: AnalyzerConfig) -> list[str]:
        """Return their names, sorted."""
        return sorted(get_analyzer(config).found)


def findable(systems: Sequence[AnalyzerConfig], engine: Engine) -> list[Any]:
    """Return the entities of each detector; a Spark client may have to ask a worker."""
    try:
        return [FindableEntities()(system) for system in systems]
    except (ImportError, MissingModelError):
        if engine.name != "spark":
            raise
        return engine.map_tasks(FindableEntities(), systems)
