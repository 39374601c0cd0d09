"""Every job on one small table, for what they share: the lifecycle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont
from sklearn.linear_model import LogisticRegression

from rai_scale.jobs.manifest import MANIFEST, output_facts, read_manifest
from rai_scale.pii.pseudonyms.tokens import Tokenizer
from rai_scale.privacy.ledger.ledger import open_ledger
from rai_scale.tables.paths import place_of
from tests.jobs.small_lake import EMAIL, MODEL, cli, shown, write_config

PICTURES = "people"
"""The folder of a scanned letter, next to the lake."""
RESULTS = "results"
"""The folder with the results that a dashboard is made from."""
GROUPS = {"sex": ["F", "M"]}


def make_table(lake: Path, seed: int, rows: int = 60) -> None:
    """Write the table and a scanned letter; another seed gives other values."""
    rng = np.random.default_rng(seed)
    lake.mkdir(exist_ok=True)
    frame = pd.DataFrame({"id": [f"i{seed}-{i}" for i in range(rows)]})
    frame["note"] = [f"mail {EMAIL}" if i % 9 == 0 else "nothing" for i in range(rows)]
    seal = Tokenizer("k1-0123456789abcdef", "k1").seal
    frame["mail"] = [seal(EMAIL, "EMAIL_ADDRESS") for _ in range(rows)]
    span = {"entity_type": "EMAIL_ADDRESS", "start_position": 5, "end_position": 5 + len(EMAIL)}
    frame["labels"] = [json.dumps([span] if i % 9 == 0 else []) for i in range(rows)]
    frame["sex"] = np.resize(["F", "M"], rows)
    frame["age"] = rng.normal(40, 9, rows).round(1)
    frame["y"] = np.resize([0, 0, 1, 1, 1, 0, 1], rows)
    frame["p"] = rng.integers(0, 2, rows)
    frame.to_parquet(lake / "people.parquet", index=False)
    page = Image.new("L", (600, 70), 255)
    text = f"row {seed}, write to {EMAIL}"
    ImageDraw.Draw(page).text((20, 20), text, font=ImageFont.load_default(24))
    (lake.parent / PICTURES).mkdir(exist_ok=True)
    page.save(lake.parent / PICTURES / "letter.png")
    if (lake.parent / RESULTS).exists():
        _balanced(lake.parent / RESULTS)


def _private(folder: Path, **more: Any) -> dict[str, Any]:
    asked = {"ledger": f"sqlite:///{folder / 'ledger.db'}", "force_ephemeral": True}
    return asked | {"scope": "people", "analyst": "ann", "epsilon": 0.001} | more


def _scan(folder: Path) -> dict[str, Any]:
    return {"analyzer": {"model": MODEL}}


def _redact(folder: Path) -> dict[str, Any]:
    return {"analyzer": {"model": MODEL}, "columns": ["note"], "key_columns": ["id"]}


def _redact_images(folder: Path) -> dict[str, Any]:
    if shutil.which("tesseract") is None:
        pytest.skip("needs Tesseract (Debian: tesseract-ocr)")
    return {"source": str(folder / PICTURES), "analyzer": {"model": MODEL}}


def _restore(folder: Path) -> dict[str, Any]:
    for name in ("k1", "k2"):
        (folder / name).write_text(f"{name}-0123456789abcdef")
    return {
        **{"columns": ["mail"], "keys": {name: f"file:{folder / name}" for name in ("k1", "k2")}},
        **{"log": f"sqlite:///{folder / 'restores.db'}", "force_ephemeral": True},
        **{"analyst": "ann", "purpose": "a complaint"},
    }


def _rotate(folder: Path) -> dict[str, Any]:
    return {**_restore(folder), "to": "k2"}


def _evaluate(folder: Path) -> dict[str, Any]:
    return {"analyzer": {"model": MODEL}, "text": "note", "spans": "labels"}


def _review(folder: Path) -> dict[str, Any]:
    return {"analyzer": {"model": MODEL}, "columns": ["note"], "texts": 6}


def _fairness(folder: Path) -> dict[str, Any]:
    return {
        "y_true": "y",
        "y_pred": "p",
        "sensitive_features": ["sex"],
        "bootstrap": {"n_boot": 20},
    }


def _private_fairness(folder: Path) -> dict[str, Any]:
    return {
        **_fairness(folder),
        "declared": {"groups": GROUPS},
        "private": _private(folder, privacy_unit="id"),
    }


def _balance(folder: Path) -> dict[str, Any]:
    return {"y_true": "y", "y_pred": "p", "sensitive_features": ["sex"]}


def _error_analysis(folder: Path) -> dict[str, Any]:
    return {"y_true": "y", "y_pred": "p", "features": ["age", "sex"]}


def _risk(folder: Path) -> dict[str, Any]:
    return {
        "quasi_identifiers": ["age", "sex"],
        "sensitive": ["y"],
        "depth": 2,
        "by": ["sex"],
        "linkage": {"source": str(folder / "lake"), "conditions": [["equal", "sex"]]},
        "generalise": {"k": 3, "hierarchies": {"age": {"intervals": [10, 20]}}},
        "membership": _attacked(folder),
    }


def _attacked(folder: Path) -> dict[str, Any]:
    """Return a model, and rows that it was not fitted on."""
    model, others = _model(folder), folder / "others.parquet"
    rows = pd.DataFrame({"age": np.linspace(20, 60, 40), "y": np.resize([0, 1], 40)})
    rows.assign(sex=np.resize(GROUPS["sex"], 40)).to_parquet(others)
    return {**model, "source": str(others), "y_true": "y", "features": ["age"]}


def _private_risk(folder: Path) -> dict[str, Any]:
    return {"quasi_identifiers": ["sex"], "private": _private(folder, privacy_unit="id")}


def _personalization(folder: Path) -> dict[str, Any]:
    return {"log": {"person": "id", "item": "sex", "groups": ["sex"]}, "exposure": {}}


def _private_error_analysis(folder: Path) -> dict[str, Any]:
    return {
        "y_true": "y",
        "y_pred": "p",
        "declared": {"bounds": {"age": [30, 50]}, "categories": GROUPS},
        "private": _private(folder, privacy_unit="id"),
        "heatmaps": [{"features": ["age"]}],
    }


def _private_sql(folder: Path) -> dict[str, Any]:
    known = {"id": {"type": "string", "private_id": True}, "sex": {"type": "string"}}
    query = {"name": "by_sex", "query": "SELECT sex, COUNT(*) AS n FROM s.people GROUP BY sex"}
    return {
        "source": {"people": str(folder / "lake")},
        "metadata": {"": {"s": {"people": {"max_ids": 1, **known}}}},
        "private": _private(folder),
        "queries": [{**query, "groups": GROUPS}],
    }


def _model(folder: Path) -> dict[str, Any]:
    model = folder / "model.joblib"
    if not model.exists():
        frame = pd.read_parquet(folder / "lake" / "people.parquet")
        joblib.dump(LogisticRegression().fit(frame[["age"]], frame["y"]), model)
    return {"model": str(model), "trusted": True}


def _explain(folder: Path) -> dict[str, Any]:
    model = _model(folder)
    return {
        "model": {"path": model["model"], "trusted": True},
        "features": ["age"],
        "key_columns": ["id"],
    }


def _train(folder: Path) -> dict[str, Any]:
    fast = {"interactions": 0, "ebm_params": {"outer_bags": 1, "max_rounds": 5}, "shards": 1}
    return {"features": ["age"], "y_true": "y", "key_columns": ["id"], **fast}


def _private_ebm(folder: Path) -> dict[str, Any]:
    return {
        **{"features": ["age"], "y_true": "y", "ebm_params": {"max_rounds": 5}},
        **{"privacy_bounds": {"age": [0, 100]}, "classes": [0, 1]},
        "private": _private(folder, scope="replaced", epsilon=1, delta=1e-6, privacy_unit="id"),
    }


def _synthesize(folder: Path) -> dict[str, Any]:
    return {
        "domain": {"sex": GROUPS["sex"], "y": [0, 1], "age": {"edges": [0, 30, 45, 90], "grid": 1}},
        "private": _private(folder, epsilon=1, delta=1e-6, privacy_unit="id"),
    }


def _dashboard(folder: Path) -> dict[str, Any]:
    results = folder / RESULTS
    results.mkdir(exist_ok=True)
    _balanced(results)
    return {"source": str(results)}


def _balanced(results: Path) -> None:
    """Run a job whose result is on the dashboard."""
    base = {"source": str(results.parent / "lake"), "output": str(results / "balance")}
    config = write_config(results.parent / "balance.yaml", {**base, **_balance(results.parent)})
    assert cli("balance", config).code == 0


JOBS: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
    "scan": ("scan", _scan),
    "redact": ("redact", _redact),
    "redact-images": ("redact-images", _redact_images),
    "restore": ("restore", _restore),
    "keys rotate": ("keys rotate", _rotate),
    "evaluate-pii": ("evaluate-pii", _evaluate),
    "review-pii": ("review-pii", _review),
    "fairness": ("fairness", _fairness),
    "private fairness": ("fairness", _private_fairness),
    "balance": ("balance", _balance),
    "error-analysis": ("error-analysis", _error_analysis),
    "risk": ("risk", _risk),
    "private risk": ("risk", _private_risk),
    "personalization": ("personalization", _personalization),
    "private error-analysis": ("error-analysis", _private_error_analysis),
    "private sql": ("private-sql", _private_sql),
    "dashboard": ("dashboard", _dashboard),
    "explain": ("explain", _explain),
    "train-ebm": ("train-ebm", _train),
    "private ebm": ("train-ebm", _private_ebm),
    "synthesize": ("synthesize", _synthesize),
}
"""Each command and its configuration, of the table in ``lake`` and into ``out``."""

PRIVATE = {
    **dict.fromkeys(
        [
            *("private fairness", "private error-analysis", "private risk", "private sql"),
            "synthesize",
        ],
        "people",
    ),
    "private ebm": "replaced",
}
"""The private jobs, with the scopes that they charge."""


def set_up(name: str, folder: Path) -> list[str]:
    """Make table, ledger and configuration of a job; return its command line."""
    make_table(folder / "lake", 1)
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", force_ephemeral=True)
    ledger.create_scope("people", epsilon=100, delta=1e-3)
    ledger.create_scope("replaced", epsilon=100, delta=1e-3, neighbours="replace")
    command, values = JOBS[name]
    base = {"source": str(folder / "lake"), "output": str(folder / "out")}
    return [*command.split(), write_config(folder / "job.yaml", {**base, **values(folder)})]


def run_of(out: Path) -> str:
    """Return the run that an output is of, having checked that all of it is there and no more."""
    manifest = read_manifest(place_of(str(out)))
    assert manifest is not None
    for name, known in manifest["outputs"].items():
        assert output_facts(place_of(str(out / name))) == known, name
    there = shown(path.name for path in out.iterdir() if path.exists())
    named = shown(name for name in manifest["outputs"] if "/" not in name)
    assert there - {"explained"} == named - {"explained"}  # where there are no links, a copy
    pointer = json.loads((out / "_current.json").read_text())
    assert (out / pointer["run"] / MANIFEST).read_bytes() == (out / MANIFEST).read_bytes()
    return str(manifest["run_id"])
