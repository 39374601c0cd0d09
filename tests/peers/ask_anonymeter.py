"""The intervals of Anonymeter's risks; runs in an environment of its own and prints JSON."""

import json
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from anonymeter.evaluators import (
    InferenceEvaluator,
    LinkabilityEvaluator,
    SinglingOutEvaluator,
)
from leaked_tables import ATTACKS, KNOWN, RUNS, SECRET, kind_of, tables

warnings.simplefilter("ignore")


def risk(run):
    """Return the risk of a run."""
    frames = [pd.DataFrame(columns) for columns in tables(run)]
    for frame in frames:
        frame[["kind", "job"]] = frame[["kind", "job"]].astype(object)
    asked = {**dict(zip(["ori", "control", "syn"], frames)), "n_attacks": ATTACKS}  # noqa: B905
    np.random.seed(run)
    kind = kind_of(run)
    if kind == "singling_out":
        found = SinglingOutEvaluator(**asked, n_cols=3, seed=run).evaluate(mode="multivariate")
    elif kind == "linkability":
        found = LinkabilityEvaluator(**asked, aux_cols=KNOWN).evaluate(n_jobs=1)
    else:
        columns = {"aux_cols": SECRET["known"], "secret": SECRET["secret"]}
        found = InferenceEvaluator(**asked, **columns).evaluate(n_jobs=1)
    return found.risk()


answers = {}
for run in range(RUNS):
    low, high = risk(run).ci
    answers |= {f"{run} low": low, f"{run} high": high}
print(json.dumps({"version": version("anonymeter"), "answers": answers}))
