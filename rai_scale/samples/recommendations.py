"""A log of recommendations and the consents of its people, with known truth.

People see one offer per event. What the log's own policy did, and what people like, is written
below; so the true value of every policy, the planted loop and the planted proxy are known.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# shares are literal numbers here, because they define the data
# ruff: noqa: PLR2004

FOLDER = "personalization"
TRUTH = "recommendations.json"
OFFERS = ("loan", "card", "saving", "insurance")
DEVICES = ("mobile", "desktop")
WEEKS = 12
LOOP_FROM = 5
START = pd.Timestamp("2025-01-06T00:00:00Z")
LOGGED = np.array([[0.4, 0.2, 0.3, 0.1], [0.25, 0.35, 0.15, 0.25]])
CLICK = np.array([[0.10, 0.25, 0.15, 0.05], [0.20, 0.22, 0.18, 0.15]])
SATISFIED = np.array([[0.75, 0.25, 0.60, 0.70], [0.70, 0.20, 0.65, 0.80]])
"""Of those who click: the share that is satisfied. Cards win clicks and lose satisfaction."""
SPREAD = 0.04
FEATURE_GROUPS = ("location", "device", "purchases")


def write_recommendations(lake: Path, truth: Path, rows: int, random_state: int) -> None:
    """Write ``personalization/recommendations.parquet``, ``consents.parquet`` and their truth.

    Parameters
    ----------
    lake, truth : Path
        The folders of the lake and of its truth.
    rows : int
        Number of events; there is one person per ten events.
    random_state : int
    """
    rng = np.random.default_rng(random_state)
    people = _people(rng, max(rows // 10, 4))
    (lake / FOLDER).mkdir(exist_ok=True)
    _write(_events(rng, people, rows), lake / FOLDER / "recommendations.parquet")
    _write(_consents(rng, people), lake / FOLDER / "consents.parquet")
    facts = {
        "policies": {
            name: {
                "probabilities": dict(zip(OFFERS, row.tolist(), strict=True)),
                "click": float((CLICK @ row).mean()),
                "satisfied": float(((CLICK * SATISFIED) @ row).mean()),
            }
            for name, row in POLICIES.items()
        },
        "loop": {
            "by": "age_group",
            "group": "65+",
            "category": "loan",
            "since": (START + pd.Timedelta(weeks=LOOP_FROM)).date().isoformat(),
        },
        "proxy": {"feature": "zip", "sensitive": "income_group"},
        "bends": {"offer": "card", "wins": "clicked", "loses": "satisfied"},
    }
    (truth / TRUTH).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


POLICIES = {
    "savings_first": np.array([0.2, 0.1, 0.5, 0.2]),
    "cards_first": np.array([0.1, 0.7, 0.1, 0.1]),
}


def _write(frame: pd.DataFrame, path: Path) -> None:
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def _people(rng: np.random.Generator, count: int) -> pd.DataFrame:
    low = rng.random(count) < 0.4
    # nine in ten live where their income says
    area = np.where(rng.random(count) < 0.9, low, ~low)
    return pd.DataFrame(
        {
            "user": [f"U{i:07d}" for i in range(count)],
            "age_group": rng.choice(["18-29", "30-64", "65+"], count, p=[0.25, 0.5, 0.25]),
            "accessibility": rng.choice(["none", "screen reader"], count, p=[0.9, 0.1]),
            "income_group": np.where(low, "low", "high"),
            "zip": np.where(area, 1000, 8000) + rng.integers(0, 5, count),
            "visits": rng.poisson(6, count),
            "likes": rng.uniform(-SPREAD, SPREAD, count),
        }
    )


def _events(rng: np.random.Generator, people: pd.DataFrame, rows: int) -> pd.DataFrame:
    who = rng.integers(0, len(people), rows)
    week = rng.integers(0, WEEKS, rows)
    second = rng.integers(0, 7 * 86_400, rows)
    device = rng.integers(0, 2, rows)
    shares = LOGGED[device]
    fades = (people["age_group"].to_numpy()[who] == "65+") & (week >= LOOP_FROM)
    shares[fades, 0] = np.maximum(0.02, shares[fades, 0] * 0.6 ** (week[fades] - LOOP_FROM + 1))
    shares = shares / shares.sum(axis=1, keepdims=True)
    chosen = (rng.random(rows)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(max=3)
    at = np.arange(rows)
    likely = CLICK[device, chosen] + people["likes"].to_numpy()[who]
    clicked = rng.random(rows) < likely
    satisfied = clicked & (rng.random(rows) < SATISFIED[device, chosen])
    events = pd.DataFrame(
        {
            "event_id": [f"R{i:08d}" for i in range(rows)],
            "user": people["user"].to_numpy()[who],
            "shown_at": START + pd.to_timedelta(week * 7 * 86_400 + second, "s"),
            "device": np.array(DEVICES)[device],
            "offer": np.array(OFFERS)[chosen],
            "place": rng.integers(1, 6, rows),
            "relevance": np.round(CLICK[device, chosen] + rng.uniform(0, 0.1, rows), 4),
            "propensity": shares[at, chosen],
            **{f"p_{name}": shares[:, n] for n, name in enumerate(OFFERS)},
            "clicked": clicked.astype(int),
            "satisfied": satisfied.astype(int),
        }
    )
    names = ["age_group", "accessibility", "income_group", "zip", "visits"]
    return pd.concat([events, people[names].iloc[who].reset_index(drop=True)], axis=1)


def _consents(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Make decisions of nine in ten people; one in five changes their mind later."""
    rows = []
    for user in people["user"][rng.random(len(people)) < 0.9]:
        for group in FEATURE_GROUPS:
            day = int(rng.integers(0, 300))
            given = START - pd.Timedelta(days=day)
            ends = START + pd.Timedelta(days=int(rng.integers(-20, 200)))
            allow = rng.random() < 0.7
            rows.append((user, group, "allow" if allow else "deny", given, ends))
            if rng.random() < 0.2:
                later = given + pd.Timedelta(days=int(rng.integers(1, 60)))
                rows.append((user, group, "deny" if allow else "allow", later, ends))
    return pd.DataFrame(rows, columns=["user", "feature_group", "decision", "time", "expires"])
