"""Draw the texts of a review: a keyed sample of flagged and of unflagged texts, on any engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.quality.matching import outermost
from rai_scale.pii.redaction.findings import table_of_rows
from rai_scale.pii.scanning.sampling import chosen, row_hashes
from rai_scale.pii.scanning.value_texts import row_leaves

FLAGGED, UNFLAGGED, FAILED = "flagged", "unflagged", "failed"
STRATA = (FLAGGED, UNFLAGGED)
DRAWN = pa.schema(
    {
        **dict.fromkeys(("stratum", "column", "text", "spans"), pa.string()),
        **dict.fromkeys(("rank", "texts", "findings"), pa.int64()),
    }
)
"""A text that may be drawn, or (without a text) counts of the texts and findings of a batch."""


class Text(NamedTuple):
    """A text of the sample, and what the detector found: (start, end, entity)."""

    stratum: str
    column: str
    text: str
    findings: list[tuple[int, int, str]]


@dataclass(frozen=True)
class Stratum:
    """Texts with or without findings: how many there are, how many are reviewed, and findings."""

    texts: int
    drawn: int
    findings: int


@dataclass(frozen=True)
class ReviewSample:
    """The texts to review, with the sizes of the strata that they were drawn from.

    ``rows`` are the rows that were analysed, of ``total_rows``; ``failed`` the texts that could not
    be analysed and are in no stratum.
    """

    texts: list[Text]
    strata: dict[str, Stratum]
    rows: int
    total_rows: int
    failed: int

    def facts(self) -> dict[str, Any]:
        """Return the sizes, without any text."""
        sizes = {name: asdict(stratum) for name, stratum in self.strata.items()}
        return {**{n: getattr(self, n) for n in ("rows", "total_rows", "failed")}, "strata": sizes}

    @property
    def id(self) -> str:
        """A hash that ties decisions to this sample."""
        content = json.dumps([self.facts(), self.texts], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class DrawTexts:
    """Analyse the texts of a batch, and keep those of the lowest ranks per stratum.

    The rank of a text is a keyed hash of its whole row and its place in it, so the sample does not
    depend on engine, order and partitions.
    """

    config: AnalyzerConfig
    columns: Mapping[str, pa.DataType]
    sizes: Mapping[str, int]
    fraction: float
    seed: int

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return rows of :data:`DRAWN`."""
        table = chosen(table, self.fraction, self.seed)
        ranks = row_hashes(table, self.seed + 1) if table.num_rows else np.array([], np.uint64)
        rows: list[tuple[Any, ...]] = []
        for name, kind in self.columns.items():
            rows += self._column(name, kind, table[name], ranks)
        kept = [row for stratum in self.sizes for row in self._lowest(rows, stratum)]
        counts = [
            (s, None, None, None, 0, len(own), sum(row[6] for row in own))
            for s in (*STRATA, FAILED)
            if (own := [row for row in rows if row[0] == s])
        ]
        counts.append(("rows", None, None, None, 0, table.num_rows, 0))
        return table_of_rows([*kept, *counts], DRAWN)

    def _column(
        self, name: str, kind: pa.DataType, column: pa.ChunkedArray, ranks: np.ndarray
    ) -> list[tuple[Any, ...]]:
        analyzer = get_analyzer(self.config)
        unread: list[Any] = []
        by_path: dict[str, list[tuple[int, int, str]]] = {}
        for number, (row, leaf) in enumerate(
            row_leaves(name, column, kind, analyzer.entities, unread)
        ):
            by_path.setdefault(leaf.path, []).append((number, row, leaf.text))
        rows: list[tuple[Any, ...]] = [(FAILED, name, None, None, 0, 1, 0) for _ in unread]
        for path, texts in by_path.items():
            context = path.replace("[]", "").rsplit(".", 1)[-1]
            done = analyzer.analyze_values([text for *_, text in texts], context)
            for (_, row, _), (text, analysis) in zip(texts, done, strict=True):
                found = [(s.start, s.end, s.entity) for s in outermost(analysis.results)]
                stratum = FAILED if analysis.error else FLAGGED if found else UNFLAGGED
                rank = text_rank(int(ranks[row]), path, text, self.seed)
                rows.append((stratum, path, text, json.dumps(found), rank, 1, len(found)))
        return rows

    def _lowest(self, rows: Sequence[tuple[Any, ...]], stratum: str) -> list[tuple[Any, ...]]:
        own = sorted((row for row in rows if row[0] == stratum), key=_order)
        return [(*row[:5], 0, 0) for row in own[: self.sizes[stratum]]]


def text_rank(row: int, path: str, text: str, seed: int) -> int:
    """Return the rank of a text; the lowest ranks are drawn. ``row`` is the hash of its row."""
    content = f"{seed}\0{row}\0{path}\0{text}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[4], row[1], row[2]


def draw_texts(  # noqa: PLR0917
    frame: Any,
    engine: Engine,
    config: AnalyzerConfig,
    columns: Sequence[str],
    sizes: Mapping[str, int],
    sample_rows: int | None,
    seed: int,
) -> ReviewSample:
    """Draw the sample in one pass over the rows, after counting them."""
    schema = engine.schema(frame)
    total = int(engine.group_counts(frame, [])["count"][0].as_py())
    fraction = min(1.0, sample_rows / total) if sample_rows and total else 1.0
    kinds = {name: schema.field(name).type for name in columns}
    function = DrawTexts(config, kinds, dict(sizes), fraction, seed)
    found = engine.collect(engine.map_partitions(frame, function, DRAWN, label="review_pii"))
    table = found.to_pandas()
    counts = table[table["text"].isna()].groupby("stratum")[["texts", "findings"]].sum()
    texts = table[table["text"].notna()].sort_values(["rank", "column", "text"])
    drawn = {name: texts[texts["stratum"] == name].head(size) for name, size in sizes.items()}
    strata = {
        name: Stratum(_at(counts, name, "texts"), len(drawn[name]), _at(counts, name, "findings"))
        for name in STRATA
    }
    if not any(stratum.texts for stratum in strata.values()):
        raise ConfigError("there is no text to review in the named columns.")
    picked = pd.concat(list(drawn.values())).sort_values(["rank", "column", "text"])
    return ReviewSample(
        [
            Text(
                row.stratum, row.column, row.text, [(s, e, k) for s, e, k in json.loads(row.spans)]
            )
            for row in picked.itertuples()
        ],
        strata,
        _at(counts, "rows", "texts"),
        total,
        _at(counts, FAILED, "texts"),
    )


def _at(counts: pd.DataFrame, row: str, column: str) -> int:
    return int(counts[column].get(row, 0))
