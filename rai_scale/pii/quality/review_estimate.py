"""Estimate what a detector misses from the decisions of a review.

The strata are combined by the method of variance estimates recovery (Zou & Donner 2008, Statistics
in Medicine 27, 1693-1702), with exact intervals in each stratum.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_share, not_read
from rai_scale.gates import Figure
from rai_scale.pii.quality.review_sample import STRATA
from rai_scale.reports.words import plural
from rai_scale.results import Result, Tables
from rai_scale.statistics.clustered_ratios import UNKNOWN, Estimate
from rai_scale.statistics.exact_intervals import clopper_pearson, garwood

Answers = Mapping[str, Sequence[Mapping[str, int]]]
"""Per stratum, what was decided of each reviewed text: ``missed`` and ``wrong`` items."""


@dataclass(frozen=True, repr=False)
class MissedPii(Result):
    """What a detector misses, estimated from a review.

    Attributes
    ----------
    texts_missed : Estimate
        Share of the texts in which at least one item was missed.
    items_missed : Estimate
        Share of all personal items that were missed: 1 minus recall.
    items_per_text : Estimate
        Missed items per text.
    wrong : Estimate
        Share of the findings that are not personal data: 1 minus precision.
    strata : pandas.DataFrame
        Per stratum: its texts, those drawn and reviewed, those with a missed item, missed and wrong
        items.
    confidence : float
    notes : tuple of str
    """

    texts_missed: Estimate
    items_missed: Estimate
    items_per_text: Estimate
    wrong: Estimate
    strata: pd.DataFrame
    confidence: float
    notes: tuple[str, ...] = ()

    def _estimates(self) -> dict[str, Estimate]:
        names = ("texts_missed", "items_missed", "items_per_text", "wrong")
        return {name: getattr(self, name) for name in names}

    def _tables(self) -> Tables:
        return {"estimates": partial(_table, self._estimates()), "strata": self.strata.copy}

    def _numbers(self) -> Mapping[str, float]:
        return {name: estimate.value for name, estimate in self._estimates().items()}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        return {name: [Figure(*estimate)] for name, estimate in self._estimates().items()}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of texts, of reviewed texts, and the confidence."""
        sizes = self.strata[["texts", "reviewed"]].sum()
        return {**{str(n): int(v) for n, v in sizes.items()}, "confidence": self.confidence}


def _table(estimates: Mapping[str, Estimate]) -> pd.DataFrame:
    rows = [
        {"measure": name, "value": e.value, "lower": e.low, "upper": e.high}
        for name, e in estimates.items()
    ]
    return pd.DataFrame(rows)


def missed_pii(decisions: str | Path | Mapping[str, Any], *, confidence: float = 0.95) -> MissedPii:
    """Estimate what a detector misses from the decisions of a review.

    Parameters
    ----------
    decisions : str, Path or mapping
        The file that the page of :func:`review_pii` saves, or its content.
    confidence : float
        Of the intervals, in (0, 1).

    Returns
    -------
    MissedPii
        Shares of texts and of items that were missed, with intervals whose coverage is at least
        about the confidence. Texts that were skipped are left out; a note has their number.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not of a review, or no text of a stratum was decided.
    """
    check_share("confidence", confidence)
    content = _read(decisions) if isinstance(decisions, str | Path) else decisions
    try:
        sizes = content["sample"]["strata"]
        answers = {
            name: [_answer(d) for d in content["decisions"] if d["stratum"] == name]
            for name in STRATA
        }
        table = pd.DataFrame([_stratum(name, sizes[name], answers[name]) for name in STRATA])
        total, rows = (int(content["sample"][name]) for name in ("total_rows", "rows"))
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            "the decisions are not in the format that the page of a review saves."
        ) from None
    empty = table[(table["texts"] > 0) & (table["reviewed"] == 0)]["stratum"].tolist()
    if empty:
        raise ConfigError(
            f"no {' and no '.join(empty)} text was decided; nothing can be estimated."
        )
    decided = [decision.get("text") for decision in content["decisions"]]
    numbered = [text for text in decided if text is not None]
    if (table["reviewed"] > table["drawn"]).any() or len(set(numbered)) < len(numbered):
        raise ConfigError("texts were decided more than once; the file was changed or merged.")
    skipped = int((table["drawn"] - table["reviewed"]).sum())
    notes = [f"{skipped} drawn texts were not decided and are left out."] if skipped else []
    if int(content["sample"]["failed"]):
        notes.append(
            f"{plural(content['sample']['failed'], 'text')} could not be analysed, and no estimate "
            "includes them."
        )
    return _estimated(table, answers, rows < total, confidence, tuple(notes))


def _read(path: str | Path) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(not_read(path, error)) from None
    except ValueError:
        raise ConfigError(f"{path}: is not JSON.") from None
    return found if isinstance(found, dict) else {}


def _answer(decision: Mapping[str, Any]) -> dict[str, int]:
    answer = {name: decision[name] for name in ("missed", "wrong")}
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in answer.values()):
        raise ValueError
    return answer


def _stratum(
    name: str, size: Mapping[str, int], answers: Sequence[Mapping[str, int]]
) -> dict[str, Any]:
    missed = [answer["missed"] for answer in answers]
    return {
        "stratum": name,
        **{key: int(size[key]) for key in ("texts", "drawn", "findings")},
        "reviewed": len(answers),
        "texts_with_missed": sum(m > 0 for m in missed),
        "missed": sum(missed),
        "wrong": sum(answer["wrong"] for answer in answers),
    }


def _estimated(
    table: pd.DataFrame, answers: Answers, sampled: bool, confidence: float, notes: tuple[str, ...]
) -> MissedPii:
    weights = (table["texts"] / table["texts"].sum()).tolist()
    spread = _weight_spread(table, confidence) if sampled else 0.0
    rows: list[Any] = table.to_dict("records")
    texts = _combined(weights, [_share(row, confidence) for row in rows], spread)
    means = [_mean([a["missed"] for a in answers[row["stratum"]]], row, confidence) for row in rows]
    items = _combined(weights, means, spread)
    wrong = _wrong(rows[0], answers[STRATA[0]], confidence)
    return MissedPii(
        Estimate(*(min(1.0, end) for end in texts)),
        _missed_share(items, wrong, int(table["findings"].sum()), int(table["texts"].sum())),
        items,
        wrong,
        table,
        confidence,
        notes,
    )


def _share(row: Mapping[str, Any], confidence: float) -> Estimate:
    n, missed = row["reviewed"], row["texts_with_missed"]
    if not n:
        return Estimate(0.0, 0.0, 0.0)  # an empty stratum, which has no weight
    ends = (missed / n,) * 2 if n == row["texts"] else clopper_pearson(missed, n, confidence)
    return Estimate(missed / n, *ends)


def _mean(counts: Sequence[int], row: Mapping[str, Any], confidence: float) -> Estimate:
    """Return the mean of counts, with Garwood's interval of as many events as vary like them."""
    if not counts:
        return Estimate(0.0, 0.0, 0.0)
    n, mean = len(counts), float(np.mean(counts))
    if n == row["texts"]:
        return Estimate(mean, mean, mean)
    # items of one text are not independent events
    dispersion = max(1.0, float(np.square(counts).sum()) / sum(counts)) if any(counts) else 1.0
    low, high = garwood(sum(counts) / dispersion, confidence)
    return Estimate(mean, low * dispersion / n, high * dispersion / n)


def _combined(weights: Sequence[float], parts: Sequence[Estimate], spread: float) -> Estimate:
    value = sum(w * p.value for w, p in zip(weights, parts, strict=True))
    between = spread * (parts[0].value - parts[1].value)
    below = math.hypot(
        between, *(w * (p.value - p.low) for w, p in zip(weights, parts, strict=True))
    )
    above = math.hypot(
        between, *(w * (p.high - p.value) for w, p in zip(weights, parts, strict=True))
    )
    return Estimate(value, max(0.0, value - below), value + above)


def _weight_spread(table: pd.DataFrame, confidence: float) -> float:
    """Return the half-width of the share of flagged texts, where not all rows were analysed."""
    total = int(table["texts"].sum())
    share = float(table["texts"].iloc[0]) / total
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return z * math.sqrt(share * (1 - share) / total)


def _wrong(
    row: Mapping[str, Any], answers: Sequence[Mapping[str, int]], confidence: float
) -> Estimate:
    """Return the share of findings that are wrong, from wrong findings per flagged text."""
    if not row["findings"]:
        return UNKNOWN
    per_text = row["findings"] / row["texts"]
    found = _mean([a["wrong"] for a in answers], row, confidence)
    return Estimate(*(min(1.0, end / per_text) for end in found))


def _missed_share(items: Estimate, wrong: Estimate, findings: int, texts: int) -> Estimate:
    """Return missed items as a share of all: the missed ones and the findings that are right.

    The ends assume that both numbers err in the same direction, so the interval is cautious.
    """
    wrong = Estimate(0.0, 0.0, 0.0) if math.isnan(wrong.value) else wrong
    pairs = ((items.value, wrong.value), (items.low, wrong.low), (items.high, wrong.high))
    shares = []
    for missed, false in pairs:
        right = findings * (1 - false)
        shares.append(missed * texts / (missed * texts + right) if missed * texts + right else 0.0)
    return Estimate(*shares)
