"""Fairness measures against Fairlearn and against the engine's own bare GROUP BY; one run.

    python benchmarks/fairness.py --rows 1000000 --big-rows 50000000 --repeats 3

Wall-clock seconds, contenders in turns, medians. Every contender's numbers are compared with
Fairlearn's before a ratio is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import sklearn.metrics as skm
from fairlearn.metrics._annotated_metric_function import AnnotatedMetricFunction
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator

import rai_scale
from rai_scale.fairness import Bootstrap

METRICS = {
    "count": fm.count,
    "selection_rate": fm.selection_rate,
    "true_positive_rate": fm.true_positive_rate,
    "false_positive_rate": fm.false_positive_rate,
    "accuracy": skm.accuracy_score,
    "balanced_accuracy": skm.balanced_accuracy_score,
    "precision": skm.precision_score,
    "f1": skm.f1_score,
}
COLUMNS = {"y_true": "y", "y_pred": "p", "sensitive_features": ["sex", "race"]}
Timed = dict[str, float]


def made_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return labels, predictions and scores with ten groups."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], rows), "race": rng.choice(list("abcde"), rows)}
    )
    frame["y"] = rng.integers(0, 2, rows)
    frame["score"] = np.clip(0.35 * frame.y + 0.65 * rng.random(rows), 0, 1)
    frame["p"] = (frame.score > 0.5).astype(int)
    return frame


def in_turns(contenders: dict[str, Callable[[], Any]], repeats: int) -> tuple[Timed, dict]:
    """Return the median seconds of each contender and its last result."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    results = {}
    for _ in range(repeats):
        for name, run in contenders.items():
            start = time.perf_counter()
            results[name] = run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}, results


def show(title: str, seconds: Timed, peer: str, ours: str, target: str) -> None:
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:<46}{value:10.3f} s")
    print(f"  {peer} / {ours}: {seconds[peer] / seconds[ours]:.1f}x   ({target})", flush=True)


# ---------------------------------------------------------------- against Fairlearn


def reference(frame: pd.DataFrame, **options: Any) -> fm.MetricFrame:
    return fm.MetricFrame(
        metrics=METRICS,
        y_true=frame.y,
        y_pred=frame.p,
        sensitive_features=frame[["sex", "race"]],
        **options,
    )


def without_stacking(frame: pd.DataFrame) -> fm.MetricFrame:
    """Run Fairlearn with its columns read as they are, to show what np.stack costs it."""
    original = AnnotatedMetricFunction.__call__

    def call(self: Any, df: pd.DataFrame) -> Any:
        args = [df[name].to_numpy() for name in self.postional_argument_names]
        return self.func(*args)

    AnnotatedMetricFunction.__call__ = call
    try:
        return reference(frame)
    finally:
        AnnotatedMetricFunction.__call__ = original


def against_metric_frame(rows: int, repeats: int) -> None:
    frame = made_rows(rows)
    contenders = {
        "fairlearn.MetricFrame": lambda: reference(frame),
        "the same without its np.stack of every column": lambda: without_stacking(frame),
        "rai_scale.metric_frame": lambda: rai_scale.metric_frame(frame, metrics=METRICS, **COLUMNS),
    }
    contenders["rai_scale.metric_frame"]()  # imports are not what is measured
    seconds, found = in_turns(contenders, repeats)
    pd.testing.assert_frame_equal(
        found["rai_scale.metric_frame"].by_group,
        found["fairlearn.MetricFrame"].by_group,
        check_exact=True,
    )
    title = f"{rows:,} rows, 10 groups, 8 metrics (difference of by_group: 0.0)"
    show(title, seconds, "fairlearn.MetricFrame", "rai_scale.metric_frame", "target 100x")
    peer, plain = list(seconds.values())[:2]
    print(f"  np.stack is {1 - plain / peer:.0%} of Fairlearn's time")


def against_many_groups(groups: int, repeats: int) -> None:
    """Measure many small groups: Fairlearn calls each metric once per group."""
    frame = made_rows(groups * 40)
    frame["g"] = np.random.default_rng(1).integers(0, groups, len(frame))
    columns = {"y_true": "y", "y_pred": "p", "sensitive_features": "g"}
    contenders = {
        "fairlearn.MetricFrame": lambda: fm.MetricFrame(
            metrics=METRICS, y_true=frame.y, y_pred=frame.p, sensitive_features=frame["g"]
        ),
        "rai_scale.metric_frame": lambda: rai_scale.metric_frame(frame, metrics=METRICS, **columns),
    }
    seconds, found = in_turns(contenders, repeats)
    ours, theirs = (found[name].by_group for name in reversed(contenders))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    title = f"{groups:,} groups of 40 rows, 8 metrics (difference of by_group: 0.0)"
    show(title, seconds, "fairlearn.MetricFrame", "rai_scale.metric_frame", "target 20x")


def against_bootstrap(rows: int) -> None:
    frame = made_rows(rows)
    quantiles = {"ci_quantiles": [0.025, 0.975], "random_state": 0}
    contenders = {
        "fairlearn, 3 replicates": lambda: reference(frame, n_boot=3, **quantiles),
        "rai_scale, 100 replicates": lambda: rai_scale.metric_frame(
            frame, metrics=METRICS, **COLUMNS, bootstrap=Bootstrap(100)
        ),
        "fairlearn, none": lambda: reference(frame),
    }
    contenders["rai_scale, 100 replicates"]()
    seconds, _ = in_turns(contenders, 1)
    each = (seconds["fairlearn, 3 replicates"] - seconds["fairlearn, none"]) / 3
    seconds["fairlearn, 100 (extrapolated from 3)"] = seconds["fairlearn, none"] + 100 * each
    show(
        f"{rows:,} rows, 100 bootstrap replicates",
        seconds,
        "fairlearn, 100 (extrapolated from 3)",
        "rai_scale, 100 replicates",
        "target 500x",
    )


# ---------------------------------------------------------------- against GROUP BY


def write_big(folder: Path, rows: int) -> str:
    path = str(folder / f"rows_{rows}.parquet")
    duckdb.sql(
        f"""COPY (SELECT CASE WHEN random() < 0.5 THEN 'f' ELSE 'm' END AS sex,
        chr(97 + (random() * 5)::INT % 5) AS race, (random() < 0.4)::INT AS y,
        (random() < 0.5)::INT AS p, random() AS score FROM range({rows}))
        TO '{path}' (FORMAT parquet)"""
    )
    return path


def against_group_by_local(path: str, rows: int, repeats: int) -> None:
    def bare() -> Any:
        query = f"SELECT sex, race, y, p, count(*) FROM '{path}' GROUP BY ALL"
        return duckdb.connect().sql(query).to_arrow_table()

    def ours() -> Any:
        relation = duckdb.connect().sql(f"SELECT * FROM '{path}'")
        return rai_scale.metric_frame(relation, metrics=METRICS, **COLUMNS)

    ours()
    seconds, found = in_turns({"DuckDB GROUP BY": bare, "rai_scale.metric_frame": ours}, repeats)
    assert found["rai_scale.metric_frame"].counts.sum() == rows
    share = seconds["rai_scale.metric_frame"] / seconds["DuckDB GROUP BY"]
    show(
        f"{rows:,} rows from Parquet, local",
        seconds,
        "DuckDB GROUP BY",
        "rai_scale.metric_frame",
        f"ours takes {share:.2f} of GROUP BY; target at most 1.3",
    )


def against_group_by_spark(path: str, rows: int, repeats: int) -> None:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "8").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def bare() -> Any:
        return session.read.parquet(path).groupBy("sex", "race", "y", "p").count().toPandas()

    def ours() -> Any:
        return rai_scale.metric_frame(session.read.parquet(path), metrics=METRICS, **COLUMNS)

    bare()
    ours()
    seconds, found = in_turns({"Spark GROUP BY": bare, "rai_scale.metric_frame": ours}, repeats)
    assert found["rai_scale.metric_frame"].counts.sum() == rows
    session.stop()
    share = seconds["rai_scale.metric_frame"] / seconds["Spark GROUP BY"]
    show(
        f"{rows:,} rows from Parquet, Spark",
        seconds,
        "Spark GROUP BY",
        "rai_scale.metric_frame",
        f"ours takes {share:.2f} of GROUP BY; target at most 1.5",
    )


def memory(paths: dict[int, str]) -> None:
    """Print the peak memory of a process of its own, for tables of different length."""
    print("\nPeak memory of metric_frame, local")
    for rows, path in paths.items():
        command = [sys.executable, __file__, "--peak-of", path]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"  {rows:>12,} rows {run.stdout.strip():>10} MiB", flush=True)


def peak_of(path: str) -> None:
    relation = duckdb.connect().sql(f"SELECT * FROM '{path}'")
    rai_scale.metric_frame(relation, metrics=METRICS, **COLUMNS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


# ---------------------------------------------------------------- threshold optimizer


class GivenScores(BaseEstimator):
    """An estimator whose scores are its only feature."""

    fitted_ = True

    def fit(self, X: Any, y: Any) -> GivenScores:
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray(X)[:, 0]


def against_threshold_optimizer(rows: int, repeats: int) -> None:
    frame = made_rows(rows)
    options = {"constraints": "equalized_odds", "objective": "balanced_accuracy_score"}

    def peer() -> Any:
        fitter = ThresholdOptimizer(
            estimator=GivenScores(), prefit=True, predict_method="predict", **options
        )
        groups = frame[["sex", "race"]]
        return fitter.fit(frame[["score"]], frame.y, sensitive_features=groups)

    def ours() -> Any:
        return rai_scale.fairness.fit_threshold_optimizer(
            frame, score="score", y_true="y", sensitive_features=["sex", "race"], **options
        )

    contenders = {"fairlearn ThresholdOptimizer.fit": peer, "rai_scale": ours}
    seconds, found = in_turns(contenders, repeats)
    theirs = found["fairlearn ThresholdOptimizer.fit"].interpolated_thresholder_
    mine = found["rai_scale"].thresholder.interpolation_dict
    for group, solution in theirs.interpolation_dict.items():
        assert abs(solution["p_ignore"] - mine[group]["p_ignore"]) < 1e-12
    title = f"ThresholdOptimizer, equalized odds, {rows:,} rows, distinct scores"
    show(title, seconds, "fairlearn ThresholdOptimizer.fit", "rai_scale", "target 8x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--big-rows", type=int, default=50_000_000)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak-of")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    if asked.peak_of:
        peak_of(asked.peak_of)
        return
    against_threshold_optimizer(asked.rows, asked.repeats)
    against_metric_frame(asked.rows, asked.repeats)
    against_many_groups(asked.groups, asked.repeats)
    against_bootstrap(asked.rows)
    with tempfile.TemporaryDirectory() as folder:
        sizes = [asked.big_rows // 10, asked.big_rows]
        paths = {rows: write_big(Path(folder), rows) for rows in sizes}
        against_group_by_local(paths[asked.big_rows], asked.big_rows, asked.repeats)
        memory(paths)
        against_group_by_spark(paths[asked.big_rows], asked.big_rows, asked.repeats)


if __name__ == "__main__":
    main()
