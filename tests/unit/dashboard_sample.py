"""Results of jobs as a dashboard takes them, small and without running any job."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rai_scale.error_analysis import compare_cohorts, error_drift, error_heatmap, error_tree
from rai_scale.risk import anonymity
from tests.unit import report_samples as samples

RUN = {"run_id": "r1", "started": "2026-01-31T02:00:00+00:00", "engine": "local", "status": "ok"}


def errors(rows: int = 600, depth: int = 3) -> dict[str, Any]:
    """Return the report of an error analysis; deeper trees have more cohorts."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.integers(18, 80, rows), "city": rng.choice(["a", "b"], rows)})
    frame["income"] = rng.integers(0, 200, rows)
    frame["y"] = 0
    frame["p"] = (rng.random(rows) < frame["age"] % 7 / 9 * frame["income"] / 150).astype(int)
    options: dict[str, Any] = {"y_true": "y", "y_pred": "p"}
    tree = error_tree(
        frame,
        **options,
        features=["age", "income"],
        max_depth=depth,
        num_leaves=200,
        min_child_samples=5,
    )
    heatmap = error_heatmap(frame, **options, features=["age", "city"])
    cohorts = {"young": "age < 30", "middle": "age >= 30 and age < 60", "old": "age >= 60"}
    compared = compare_cohorts(frame, cohorts, **options, metrics=["error_rate", "f1_macro"])
    later = frame.assign(p=frame["p"].where(frame["age"] < 60, 1))
    parts = {
        "slices": [],
        "heatmaps": [heatmap.to_dict()["cells"]],
        "cohorts": compared.to_dict(),
        "drift": error_drift(frame, later, **options, features=["age", "income"]).to_dict(),
        "gates": [],
        "run": RUN,
    }
    return {**tree.to_dict(), "title": "Errors", **parts}


def risk(rows: int = 600) -> dict[str, Any]:
    """Return the report of a risk job, with three groups of which one is small."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.integers(18, 80, rows), "city": rng.choice(["a", "b"], rows)})
    frame["sex"] = np.resize(["f"] * 10 + ["m"] * 9 + ["x"], rows)
    found = anonymity(frame, quasi_identifiers=["age", "city"], sensitive=["sex"], by=["sex"])
    rest = dict.fromkeys(("linkage", "generalise", "membership"))
    more = {"people": False, "columns": [], "gates": [], "run": RUN}
    return {**found.to_dict(), "title": "Risk", **rest, **more}


def synthetic() -> dict[str, Any]:
    """Return the result of a synthesis."""
    measured = [{"columns": "a, b", "cells": 6, "sigma": 2.5, "noise": 0.02, "residual": 0.001}]
    width = [{"columns": 1, "marginals": 2, "synthetic": 0.01, "floor": 0.008, "independent": 0.01}]
    return {
        **{"method": "mst", "columns": 2, "rows": 600, "metrics": {}, "measurements": measured},
        **{"errors": [{"columns": "a", "bound": 0.05}], "run": RUN},
        "utility": {"internal": True, "metrics": {}, "by_width": width, "pairs": []},
        "models": {"tested": 9, "metrics": {}, "scores": [{"trained_on": "real", "auc": 0.8}]},
    }


def trained() -> dict[str, Any]:
    """Return the report of a model of two terms and a pair, whose predictions are known."""
    steps = {"kind": "steps", "edges": [0.0, 1.0, 2.0], "values": [-1.0, 1.0]}
    levels = {"kind": "levels", "levels": ["a", "b"], "values": [0.25, -0.25]}
    sides = {"left": ["below 1", "1"], "right": ["a", "b"], "left_cuts": [1.0], "right_cuts": None}
    heat = {"kind": "heat", **sides, "values": [[0.0, 0.5], [0.0, -0.5]]}
    shapes = [
        {"term": "x", "class": "", "features": ["x"], **steps},
        {"term": "g", "class": "", "features": ["g"], **levels},
        {"term": "x & g", "class": "", "features": ["x", "g"], **heat},
    ]
    settings = {"y_true": "y", "task": "classification", "unit": "log-odds", "features": ["x", "g"]}
    return {
        **{"title": "Model", "notes": [], "run": RUN, "summary": {"terms": 3}, "intercept": [0.1]},
        "settings": {**settings, "classes": ["0", "1"], "measured_on": "on all rows"},
        "importance": [{"term": "x", "value": 1.0}, {"term": "g", "value": 0.2}],
        "shapes": shapes,
        "performance": [{"group": "", "rows": 600, "metric": "auc", "value": 0.8}],
        "method": {"limits": []},
    }


def dashboard(**parts: Any) -> dict[str, Any]:
    """Return the report of a dashboard over these parts; by default a scan, a model and errors."""
    parts = parts or {
        **{"error-analysis": errors(), "train-ebm": trained(), "scan": samples.scan()},
        **{"risk": risk(), "synthesize": synthetic()},
    }
    results = [{"job": name, "run": RUN, "gates": [], "table": "t"} for name in parts]
    return {
        **{"title": "All results", "run": RUN, "suppress_below": 0, "results": results},
        **{"parts": parts, "profiles": [], "private": [], "notes": []},
    }
