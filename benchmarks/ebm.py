"""EBMs from shards against interpret alone, on a made table; one run.

    python benchmarks/ebm.py --rows 1000000 --shards 4 16 --max-rounds 300

Prints the area under the ROC curve on held-out rows, wall-clock seconds, and the seconds that
interpret's ``merge_ebms`` takes with cut points and pairs that are shared and that are not.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier, merge_ebms
from sklearn.metrics import roc_auc_score

from rai_scale.glassbox import EBMParams, train_ebm

HELD_OUT = 200_000


def made_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return a binary target of ten numbers and two categories, with two interactions."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=rows).astype(np.float32) for i in range(8)})
    frame["income"] = rng.lognormal(10, 1, rows).round(2)
    frame["age"] = rng.integers(18, 91, rows)
    frame["region"] = rng.choice([f"r{i}" for i in range(12)], rows)
    frame["sex"] = rng.choice(["f", "m"], rows)
    score = (
        np.sin(2 * frame.x0) + 0.6 * frame.x1 * frame.x2 + 0.5 * (frame.x3 > 0.3)
        + 0.4 * np.log(frame.income / 20_000) + 0.02 * (frame.age - 50) * (frame.sex == "f")
        + 0.3 * frame.region.isin(["r1", "r5"])
    )  # fmt: skip
    frame["y"] = (rng.random(rows) < 1 / (1 + np.exp(-score + 0.5))).astype(np.int64)
    frame["id"] = np.arange(rows)
    return frame


def area(model: Any, rows: pd.DataFrame, features: list[str]) -> float:
    """Return the area under the ROC curve."""
    return float(roc_auc_score(rows["y"], model.predict_proba(rows[features])[:, 1]))


def main() -> None:
    """Run all contenders once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--max-rounds", type=int, default=300)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--interactions", type=int, default=4)
    parser.add_argument("--outer-bags", type=int, default=2)
    parser.add_argument("--own-cuts", action="store_true", help="also merge without shared cuts")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    train, test = made_rows(asked.rows), made_rows(HELD_OUT, seed=1)
    features = [name for name in train.columns if name not in ("y", "id")]
    shared = {
        "max_rounds": asked.max_rounds,
        "learning_rate": asked.learning_rate,
        "outer_bags": asked.outer_bags,
    }
    mine = {"ebm_params": EBMParams(**shared), "interactions": asked.interactions}
    shared["interactions"] = asked.interactions
    started = time.perf_counter()
    alone = ExplainableBoostingClassifier(random_state=0, n_jobs=1, **shared)
    alone.fit(train[features], train["y"])
    best = area(alone, test, features)
    print(f"interpret alone: AUC {best:.5f}, {time.perf_counter() - started:.0f} s", flush=True)
    for shards in asked.shards:
        started = time.perf_counter()
        found = train_ebm(
            train, features=features, y_true="y", shards=shards, key_columns=["id"], **mine
        )
        seconds = ", ".join(f"{name} {value:.1f}" for name, value in found.seconds.items())
        ours = area(found.model, test, features)
        print(
            f"{len(found.shard_rows)} shards: AUC {ours:.5f} ({ours - best:+.5f}), "
            f"{time.perf_counter() - started:.0f} s ({seconds})",
            flush=True,
        )
    if asked.own_cuts:
        _own_cuts(train, test, features, shared, mine)


def _own_cuts(
    train: pd.DataFrame,
    test: pd.DataFrame,
    features: list[str],
    shared: dict[str, Any],
    mine: dict[str, Any],
) -> None:
    """Merge four shards of 5,000 rows with cut points and pairs of their own, and shared."""
    rows = train.iloc[:20_000]
    models = [
        ExplainableBoostingClassifier(random_state=s, n_jobs=1, **shared).fit(
            rows.iloc[s::4][features], rows.iloc[s::4]["y"]
        )
        for s in range(4)
    ]
    started = time.perf_counter()
    merged = merge_ebms(models)
    seconds = time.perf_counter() - started
    found = train_ebm(rows, features=features, y_true="y", shards=4, **mine)
    print(
        f"merge of 4 shards of 5,000 rows: {seconds:.1f} s with their own cuts and pairs "
        f"(AUC {area(merged, test, features):.5f}), {found.seconds['merge']:.1f} s shared "
        f"(AUC {area(found.model, test, features):.5f})"
    )


if __name__ == "__main__":
    main()
