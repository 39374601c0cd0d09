"""How often the estimates of simulated reviews cover the true rates, in Markdown.

    python scripts/review_coverage.py

Each population has texts with known missed and wrong items. Each review draws texts by ranks that
depend on its number, as ``review_pii`` does, and a reviewer decides them without error.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.pii.quality.review_estimate import missed_pii
from rai_scale.pii.quality.review_sample import FLAGGED, STRATA, UNFLAGGED, text_rank
from rai_scale.pii.scanning.sampling import row_hashes
from rai_scale.statistics.exact_intervals import clopper_pearson

REVIEWS, TEXTS = 200, 200
FLAGGED_SHARE, CONFIDENCE = 0.3, 0.95
MEASURES = ("texts_missed", "items_missed", "wrong")
KINDS = {
    "few missed": (0.05, 0.02, 0.05),
    "many missed": (0.3, 0.2, 0.1),
    "rare among unflagged texts": (0.1, 0.004, 0.02),
}
"""Shares: flagged texts with a missed item, unflagged ones with one, and wrong findings."""


def population(
    rng: np.random.Generator, size: int, kind: tuple[float, float, float] = KINDS["few missed"]
) -> pd.DataFrame:
    """Return texts with their stratum, findings, and missed and wrong items."""
    flagged = rng.random(size) < FLAGGED_SHARE
    findings = np.where(flagged, 1 + rng.poisson(1.0, size), 0)
    missing = rng.random(size) < np.where(flagged, kind[0], kind[1])
    return pd.DataFrame(
        {
            "stratum": np.where(flagged, FLAGGED, UNFLAGGED),
            "text": np.arange(size).astype(str),
            "findings": findings,
            "missed": np.where(missing, 1 + rng.poisson(0.5, size), 0),
            "wrong": rng.binomial(findings, kind[2]),
        }
    )


def truth(texts: pd.DataFrame) -> dict[str, float]:
    """Return the true rates of a population."""
    found = texts["findings"].sum()
    right = found - texts["wrong"].sum()
    missed = texts["missed"].sum()
    return {
        "texts_missed": float((texts["missed"] > 0).mean()),
        "items_missed": float(missed / (missed + right)),
        "wrong": float(1 - right / found),
    }


def lowest_ranks(texts: pd.DataFrame, sizes: Mapping[str, int], seed: int) -> pd.DataFrame:
    """Return the texts of a frame with ``stratum`` and ``text`` that a seed draws.

    Each row counts as a row of its own; what ``review_pii`` does on a frame.
    """
    hashes = row_hashes(pa.Table.from_pandas(texts[["text"]], preserve_index=False), seed + 1)
    ranks = [text_rank(int(h), "text", t, seed) for h, t in zip(hashes, texts["text"], strict=True)]
    ordered = texts.assign(rank=ranks).sort_values("rank")
    return pd.concat([ordered[ordered["stratum"] == s].head(n) for s, n in sizes.items()])


def reviewed(texts: pd.DataFrame, number: int) -> dict[str, Any]:
    """Return the decisions of a review, drawn by its number."""
    picked = lowest_ranks(texts, dict.fromkeys(STRATA, TEXTS // 2), number)
    sizes = texts.groupby("stratum")["findings"].agg(["size", "sum"])
    strata = {
        name: {"texts": int(row["size"]), "drawn": TEXTS // 2, "findings": int(row["sum"])}
        for name, row in sizes.iterrows()
    }
    sample = {"rows": len(texts), "total_rows": len(texts), "failed": 0, "strata": strata}
    decisions = picked[["stratum", "missed", "wrong"]].to_dict("records")
    return {"sample": sample, "decisions": decisions}


def covered(texts: pd.DataFrame, reviews: int) -> dict[str, float]:
    """Return the share of the reviews whose interval covers the truth, per measure."""
    known, hits = truth(texts), dict.fromkeys(MEASURES, 0)
    for number in range(reviews):
        found = missed_pii(reviewed(texts, number))
        for name in MEASURES:
            low, high = getattr(found, name)[1:]
            hits[name] += low <= known[name] <= high
    return {name: count / reviews for name, count in hits.items()}


def main() -> int:
    """Print the table; return 1 if a coverage is certainly below 95 %."""
    print("| population | measure | covered of 200 reviews | 99 % interval |")
    print("| --- | --- | ---: | --- |")
    good = True
    for name, kind in KINDS.items():
        shares = covered(population(np.random.default_rng(7), 20_000, kind), REVIEWS)
        for measure, share in shares.items():
            low, high = clopper_pearson(round(share * REVIEWS), REVIEWS, 0.99)
            good &= high >= CONFIDENCE
            print(f"| {name} | {measure} | {share:.3f} | {low:.3f} to {high:.3f} |")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
