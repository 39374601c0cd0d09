"""The job of synthetic data: a private domain, and what is compared with the real rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rai_scale.privacy import open_ledger
from tests.jobs.small_lake import cli, write_config


def lake(folder: Path, rows: int = 3_000) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], rows)
    age = rng.integers(20, 60, rows)
    y = (rng.random(rows) < np.where(sex == "f", 0.7, 0.3)).astype(int)
    table = pd.DataFrame({"id": range(rows), "sex": sex, "age": age, "y": y})
    for name, part in (("people", table[: rows // 2]), ("others", table[rows // 2 :])):
        (folder / name).mkdir()
        part.to_parquet(folder / name / "part-0.parquet")
    open_ledger(f"sqlite:///{folder}/ledger.db", force_ephemeral=True).create_scope(
        "people", epsilon=100, delta=1e-3
    )
    return {
        "source": str(folder / "people"),
        "output": str(folder / "out"),
        "private": {
            "ledger": f"sqlite:///{folder}/ledger.db",
            "force_ephemeral": True,
            "scope": "people",
            "analyst": "ann",
            "epsilon": 20,
            "delta": 1e-6,
            "privacy_unit": "id",
        },
    }


def test_a_private_domain_is_planned_and_charged_once(tmp_path):
    values = {**lake(tmp_path), "columns": ["sex", "age"], "domain": "private", "workload": 1}
    values |= {"domain_share": 0.2, "method": "fixed", "rows": 50}
    path = write_config(tmp_path / "job.yaml", values)
    planned = cli("synthesize", path, "--dry-run")
    assert planned.code == 0, planned.text
    assert "find values and edges of sex, age" in planned.text
    ran = cli("synthesize", path)
    assert ran.code == 0, ran.text
    drawn = pd.read_parquet(tmp_path / "out" / "synthetic")
    assert set(drawn["sex"]) <= {"f", "m", "other"}
    assert "20% of the budget found" in (tmp_path / "out" / "report.html").read_text()
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    left = ledger.budget("people").set_index("measure")["remaining"]
    assert left["epsilon"] == pytest.approx(80)


def test_models_gaps_and_attacks_are_compared(tmp_path):
    values = {
        **lake(tmp_path),
        "domain": {
            "sex": {"values": ["f", "m"], "nullable": False},
            "age": {"edges": list(range(20, 61)), "nullable": False},
            "y": {"values": [0, 1], "nullable": False},
        },
        "utility": "internal",
        "y_true": "y",
        "gaps": {"y_true": "y", "y_pred": "y", "sensitive_features": ["sex"]},
        "attacks": {
            "known": ["sex", "age"],
            "secret": "y",
            "control_source": str(tmp_path / "others"),
            "attacks": 50,
            "draws": 2,
            "max_rows": 400,
        },
    }
    ran = cli("synthesize", write_config(tmp_path / "job.yaml", values))
    assert ran.code == 0, ran.text
    out = tmp_path / "out"
    models = pd.read_parquet(out / "models.parquet").set_index("trained_on")
    assert models.loc["synthetic", "accuracy"] == pytest.approx(0.7, abs=0.06)
    gaps = pd.read_parquet(out / "gaps.parquet").set_index("measure")
    gap = gaps.loc["selection_rate_difference"]
    assert gap["synthetic"] == pytest.approx(gap["real"], abs=0.1)
    assert gap["independent"] < gap["real"] / 2
    attacks = pd.read_parquet(out / "attacks.parquet").set_index("attack")
    assert list(attacks.index) == [
        "linkage",
        "singling_out",
        "linkability",
        "inference",
        "density_membership",
    ]
    assert attacks.loc["linkage", "real"] == 1
    assert attacks.loc["density_membership", "synthetic"] == pytest.approx(0.5, abs=0.15)
    assert "attacks" in (out / "report.html").read_text()


def test_exact_comparisons_need_internal(tmp_path):
    values = {**lake(tmp_path), "domain": {"sex": ["f", "m"]}, "y_true": "sex"}
    ran = cli("synthesize", write_config(tmp_path / "job.yaml", values))
    assert ran.code == 3
    assert "utility: internal" in ran.text
