"""Random rows with groups, labels and scores, and Fairlearn's own fit of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer

from rai_scale.fairness.thresholds.score_column import ScoreColumn


def random_rows(rows: int, seed: int, ties: int | None = 2, groups: str = "abc") -> pd.DataFrame:
    """Rows of group, y, score, id; scores are rounded to ``ties`` digits."""
    draw = np.random.default_rng(seed)
    group = draw.permutation(np.resize(list(groups), rows))
    y = draw.permutation(np.resize([0, 1, 1, 0, 1, 0, 0], rows))
    score = 1 / (1 + np.exp(-draw.normal(y - 0.5 + 0.4 * (group == "a"), 1)))
    score = score if ties is None else np.round(score, ties)
    return pd.DataFrame({"id": np.arange(rows), "group": group, "y": y, "score": score})


def fairlearn_fit(frame: pd.DataFrame, groups: str | list[str] = "group", **options):
    """Fairlearn's optimizer of the rows, and its probabilities for them."""
    fitted = ThresholdOptimizer(
        estimator=ScoreColumn("score"), prefit=True, predict_method="predict", **options
    ).fit(frame[["score"]], frame["y"], sensitive_features=frame[groups])
    chances = fitted._pmf_predict(frame[["score"]], sensitive_features=frame[groups])
    return fitted, chances[:, 1]


def plain(interpolation: dict) -> dict:
    """The rules of an interpolation as comparable values."""
    return {
        group: {name: repr(v) if "operation" in name else float(v) for name, v in rule.items()}
        for group, rule in interpolation.items()
    }
