"""Seconds of evaluating a policy on a log, of the bare GROUP BY of its cells, and of obp on rows.

    python benchmarks/personalization.py --rows 10000000

All read the same log of 5 contexts, 4 actions and 4 groups, in one run; a person has ten events on
average. obp 0.4.1 runs in its own environment (``scripts/peers.py``), on arrays in memory, with its
four estimators; reading the arrays is not counted. The bare statements of DuckDB have the keys and
sums of the cells, and of the people, of a Parquet file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests" / "peers")]

from bandit_table import ACTIONS, CONTEXTS, predicted, shares  # noqa: E402
from peers import environment  # noqa: E402

from rai_scale.personalization import evaluate_policy  # noqa: E402

NEAR = 1e-12
OBP = """
import json, sys, time, types
from importlib import import_module
from importlib.util import find_spec
import numpy as np
sys.modules["torch"] = types.ModuleType("torch")
sys.modules["torch"].Tensor = type("Tensor", (), {})
home = find_spec("obp").submodule_search_locations[0]
for name, folder in (("obp", home), ("obp.ope", home + "/ope")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
e = import_module("obp.ope.estimators")
d = np.load(sys.argv[1])
start, cpu, values = time.perf_counter(), time.process_time(), []
for reward in ("click", "minutes"):
    x = d["x"]
    dist, model = d["policy"][x][:, :, None], d["model_" + reward][x][:, :, None]
    log = {"action": d["a"], "reward": d[reward], "pscore": d["p"]}
    values += [
        e.InverseProbabilityWeighting().estimate_policy_value(action_dist=dist, **log),
        e.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(
            action_dist=dist, **log),
        e.DirectMethod().estimate_policy_value(dist, model),
        e.DoublyRobust().estimate_policy_value(
            action_dist=dist, estimated_rewards_by_reg_model=model, **log),
    ]
spent = [time.perf_counter() - start, time.process_time() - cpu]
print(json.dumps([spent, [float(v) for v in values]]))
"""


def make_log(rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    share = np.array([shares(x, 0) for x in range(CONTEXTS)])
    x = rng.integers(0, CONTEXTS, rows)
    a = (rng.random(rows)[:, None] > share.cumsum(axis=1)[x]).sum(axis=1).clip(max=ACTIONS - 1)
    click = (rng.random(rows) < 0.1 + 0.08 * a).astype(float)
    who = rng.integers(0, max(rows // 10, 1), rows)
    minutes = click * rng.integers(1, 50, rows) / 8
    return {"x": x, "a": a, "p": share[x, a], "click": click, "minutes": minutes, "who": who}


def best(run: Any, times: int) -> tuple[np.ndarray, Any]:
    """Return the shortest time on the clock and of all processors, and the last result."""
    found = []
    for _ in range(times):
        start, cpu = time.perf_counter(), time.process_time()
        result = run()
        found.append((time.perf_counter() - start, time.process_time() - cpu))
    return np.min(found, axis=0), result


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = [(x, a) for x in range(CONTEXTS) for a in range(ACTIONS)]
    frame = pd.DataFrame(pairs, columns=["x", "a"])
    policy = frame.assign(probability=[shares(x, 1)[a] for x, a in pairs])
    model = frame.assign(
        **{
            name: [predicted(x, a, n) for x, a in pairs]
            for n, name in enumerate(("click", "minutes"))
        }
    )
    return policy, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    log, (policy, model) = make_log(options.rows), tables()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.parquet")
        pq.write_table(pa.table({**log, "g": log["who"] % 4}), path)
        arrays = {k: v for k, v in log.items() if k != "who"}
        arrays["policy"] = policy["probability"].to_numpy().reshape(CONTEXTS, ACTIONS)
        for name in ("click", "minutes"):
            arrays[f"model_{name}"] = model[name].to_numpy().reshape(CONTEXTS, ACTIONS)
        np.savez(Path(folder, "log.npz"), **arrays)
        relation = duckdb.connect().read_parquet(str(path))
        sums = ", ".join(f"sum({r}), sum({r} * {r})" for r in ("click", "minutes"))
        bare, _ = best(
            lambda: relation.aggregate(f"x, g, a, p, count(*), {sums}", "x, g, a, p").fetchall(),
            options.times,
        )
        asked: dict[str, Any] = {
            **{"action": "a", "propensity": "p", "context": "x", "groups": "g"},
            **{"rewards": {"click": "click", "minutes": "minutes"}},
            **{"policy": policy, "model": model},
        }
        named = "count(*) AS n, sum(click) AS s1, sum(click * click) AS s2, sum(minutes) AS s3"
        named += ", sum(minutes * minutes) AS s4"  # all are used, so that none is left out
        people, _ = best(
            lambda: (
                relation.aggregate(f"who, g, {named}", "who, g")
                .aggregate("count(*), sum(n), sum(s1), sum(s2), sum(s3), sum(s4)")
                .fetchall()
            ),
            options.times,
        )
        ours, found = best(lambda: evaluate_policy(relation, **asked), options.times)
        by_person, _ = best(lambda: evaluate_policy(relation, **asked, person="who"), options.times)
        command = [str(environment("obp")), "-c", OBP, str(Path(folder, "log.npz"))]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        spent, values = json.loads(said.stdout)
    own = found.values
    own = own[(own["by"] == "") & (own["policy"] == "policy")]["value"].to_numpy()
    apart = float(np.max(abs(own - values) / np.abs(values)))
    if apart > NEAR:
        raise SystemExit(f"the values differ from obp's by {apart:.1e}")
    print(f"{options.rows:,} rows, best of {options.times}; obp once.\n")
    print("| what | seconds | CPU seconds | ratio | ratio of CPU |")
    print("| --- | ---: | ---: | ---: | ---: |")
    name = "`evaluate_policy`, overall and 4 groups"
    obp, both = np.array(spent), bare + people
    for what, took, to, unit in (
        ("bare GROUP BY of the cells (DuckDB)", bare, bare, ""),
        (f"{name}, intervals by row", ours, bare, ""),
        ("bare GROUP BY of the cells and of the people", both, both, ""),
        (f"{name}, intervals by person", by_person, both, ""),
        ("obp, overall, no intervals", obp, ours, " x `evaluate_policy`"),
    ):
        clock, cpu = took / to
        print(f"| {what} | {took[0]:.2f} | {took[1]:.2f} | {clock:.2f}{unit} | {cpu:.2f}{unit} |")
    print(f"\nLargest relative difference to obp: {apart:.1e}.")


if __name__ == "__main__":
    main()
