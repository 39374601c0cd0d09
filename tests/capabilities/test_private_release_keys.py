"""Releases that a ledger already holds are found again: their keys do not change with the code."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from sqlalchemy import create_engine, select

from rai_scale import private_sql
from rai_scale.fairness import Bootstrap, Declared, private_metric_frame
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.glassbox.private import _release_key
from rai_scale.privacy import Privacy, open_ledger
from rai_scale.privacy.ledger.schema import events

ROWS = pd.DataFrame({"who": ["a", "b"], "g": ["u", "v"], "y": [0, 1], "p": [1, 0]})
GROUPS = {"g": ["u", "v"]}
COLUMNS = {"who": {"type": "string", "private_id": True}, "g": {"type": "string"}}
COLUMNS["y"] = {"type": "int", "lower": 0, "upper": 1}
METADATA = {"": {"S": {"t": {"max_ids": 2, **COLUMNS}}}}
QUERY = "SELECT g, COUNT(*) AS n, AVG(y) AS m FROM S.t GROUP BY g"


def measured(privacy):
    private_metric_frame(
        ROWS, metrics="selection_rate", y_true="y", y_pred="p", sensitive_features="g",
        privacy=privacy, declared=Declared(GROUPS, max_rows=2), bootstrap=Bootstrap(2),
    )  # fmt: skip


def declared_groups(privacy):
    private_sql(QUERY, {"t": ROWS}, METADATA, privacy=privacy, groups=GROUPS, groups_per_unit=1)


def found_groups(privacy):
    private_sql(QUERY, {"t": ROWS}, METADATA, privacy=privacy)


@pytest.mark.parametrize(
    ("ask", "budget", "key"),
    [
        (measured, {"epsilon": 1.5}, "e7e4048cd94a5c97"),
        (measured, {"rho": "0.2", "delta": 1e-6}, "bca6e41970e6a4f5"),
        (found_groups, {"epsilon": 1, "delta": "1e-6"}, "023e6951eb746544"),
        (declared_groups, {"epsilon": 1.0}, "0c87f0fe81f4bb7e"),
    ],
)
def test_the_key_of_a_release(ask, budget, key, tmp_path):
    address = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(address, force_ephemeral=True)
    ledger.create_scope("s", epsilon=9, delta=1e-3)
    ask(Privacy("who", ledger=ledger, scope="s", dataset="d", snapshot="7", **budget))
    with create_engine(address).connect() as stored:
        reserved = select(events.c.request_key).where(events.c.kind == "reserved")
        assert [found[:16] for found in stored.scalars(reserved)] == [key]


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (
            {"task": "classification", "ebm_params": {"max_rounds": 7, "max_leaves": 4}},
            "b25b627f9c5b95ed",
        ),
        (
            {
                "ebm_params": {"max_bins": 16, "max_rounds": 20, "learning_rate": 0.02},
                "bin_budget_frac": 0.2,
            },
            "2a7861c4e0a9200e",
        ),
    ],
)
def test_the_key_of_a_private_model(asked, key):
    private = {"privacy_unit": "who", "epsilon": 2, "delta": 1e-5, "ledger": "none"}
    values = {
        "source": "x", "output": "o", "features": ["y", "g"], "y_true": "p",
        "classes": [0, 1], **asked,
        "privacy_bounds": {"y": [0, 1], **GROUPS},
        "private": {**private, "scope": "s", "analyst": "a"},
    }  # fmt: skip
    config = EBMJob.model_validate(values)
    source = SimpleNamespace(location="/data/t", snapshot="abc", name="t")
    assert _release_key(config, config.private, source).startswith(key)
