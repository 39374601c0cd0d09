"""A small table with every kind of column, its declared domain, and counts by pandas."""

from __future__ import annotations

import datetime
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.privacy import Privacy
from rai_scale.synthetic.domain import declare

DAY = datetime.date(2020, 1, 1)
DOMAIN = {
    "sex": ["f", "m"],
    "job": {"values": ["nurse", "clerk"], "other": "other", "nullable": False},
    "age": {"edges": [0, 18, 30, 65, 100]},
    "pay": {"edges": [0.0, 1000.0, 5000.0], "grid": 0.5, "nullable": False},
    "since": {
        "edges": [DAY, datetime.date(2021, 1, 1), datetime.date(2022, 1, 1)],
        "nullable": False,
    },
}
SIZES = [3, 3, 5, 2, 2]


def table(rows: int = 600, people: int = 200, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    job = np.where(sex == "f", rng.choice(["nurse", "clerk"], rows, p=[0.8, 0.2]), "pilot")
    age = rng.integers(-5, 120, rows)
    days = [DAY + datetime.timedelta(int(d)) for d in rng.integers(0, 730, rows)]
    return pa.table(
        {
            "who": pa.array(
                rng.integers(0, people, rows), pa.int64(), mask=rng.random(rows) < 0.02
            ),
            "sex": pa.array(sex, pa.string(), mask=rng.random(rows) < 0.05),
            "job": pa.array(job, pa.string()),
            "age": pa.array(age, pa.int64(), mask=rng.random(rows) < 0.1),
            "pay": pa.array(np.where(age > 60, -0.0, rng.uniform(0, 6000, rows)), pa.float64()),
            "since": pa.array(days, pa.date32()),
        }
    )


def coded(data: pa.Table) -> pd.DataFrame:
    """Return the codes of all rows by plain Python."""
    rows = []
    for row in data.to_pylist():
        age, pay, since = row["age"], row["pay"], row["since"]
        rows.append(
            {
                "who": row["who"],
                "sex": 2 if row["sex"] is None else ["f", "m"].index(row["sex"]),
                "job": {"nurse": 0, "clerk": 1}.get(row["job"], 2),
                "age": 4 if age is None else sum(age >= edge for edge in (18, 30, 65)),
                "pay": int(pay >= 1000),
                "since": int(since >= datetime.date(2021, 1, 1)),
            }
        )
    return pd.DataFrame(rows)


def declared():
    return declare(None, DOMAIN)


def pairs() -> list[tuple[int, ...]]:
    return list(combinations(range(len(DOMAIN)), 2))


def without_ledger(**options) -> Privacy:
    budget = {} if "rho" in options else {"epsilon": 50.0, "delta": 1e-6}
    return Privacy("who", **{"ledger": "none", **budget, **options})
