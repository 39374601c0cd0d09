"""Times that name a zone, read as the clocks of a stated zone show them, on every engine."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

import rai_scale
from rai_scale.errors import ConfigError
from rai_scale.private_queries.problems import QueryRefusedError
from tests.capabilities.private_cases import exact, people, with_privacy

METADATA = people(seen={"type": "datetime"}, max_ids=1)
INSTANTS = [
    dt.datetime.fromisoformat(text + "+00:00")
    for text in (
        *("1850-01-01T00:00:00", "1916-04-30T22:30:00", "1945-08-20T12:00:00"),
        *("2024-03-31T00:59:59.999999", "2024-03-31T01:00:00", "2024-10-27T00:30:00"),
        *("2024-10-27T01:30:00", "2024-12-31T23:30:00", "2200-07-01T22:30:00"),
    )
]
HOURS = (
    "SELECT YEAR(seen) AS y, HOUR(seen) AS h, COUNT(*) AS n FROM S.people "
    "GROUP BY YEAR(seen), HOUR(seen)"
)


def table() -> pa.Table:
    seen = pa.array(INSTANTS, pa.timestamp("us", "UTC"))
    return pa.table({"id": pa.array(range(len(INSTANTS)), pa.int64()), "seen": seen})


def hours(zone: str) -> Counter:
    there = [at.astimezone(ZoneInfo(zone)) for at in INSTANTS]
    return Counter((at.year, at.hour) for at in there)


def counted(frame: object, zone: str) -> Counter:
    found = exact(HOURS, frame, METADATA, time_zone=zone).to_pylist()
    return Counter({(int(row["k0"]), int(row["k1"])): row["a0"] for row in found})


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_groups_are_those_of_the_zone(cluster_case, zone):
    assert counted(cluster_case.make(table(), 3), zone) == hours(zone)


def test_python_objects_are_read_in_the_zone_too():
    frame = table().to_pandas()
    offsets = [dt.timezone(dt.timedelta(hours=i)) for i in range(len(INSTANTS))]
    times = [at.astimezone(zone) for at, zone in zip(INSTANTS, offsets, strict=True)]
    frame["seen"] = pd.Series(times, dtype=object)
    assert counted(frame, "Europe/Berlin") == hours("Europe/Berlin")


def test_literals_and_public_keys_are_brought_to_the_zone():
    after = "SELECT COUNT(*) AS n FROM S.people WHERE seen >= '2024-12-31T23:30:00+00:00'"
    assert exact(after, table(), METADATA, time_zone="Asia/Kathmandu")["a0"].to_pylist() == [2]
    groups = "SELECT seen, COUNT(*) AS n FROM S.people GROUP BY seen"
    found = exact(
        groups, table(), METADATA, time_zone="Europe/Berlin", groups={"seen": [INSTANTS[7]]}
    )
    assert found["k0"].to_pylist() == [dt.datetime(2025, 1, 1, 0, 30)]


def test_what_is_stated_and_refused():
    options = {"epsilon": 1, "ledger": "none", "rows_per_group": 1}
    with pytest.warns(UserWarning):
        release = rai_scale.private_sql(
            "SELECT COUNT(*) AS n FROM S.people",
            {"people": table()},
            METADATA,
            time_zone="Europe/Berlin",
            **with_privacy(**options),
        )
    assert release.facts["time_zone"] == "Europe/Berlin"
    with pytest.raises(ConfigError, match=r"Did you mean 'Europe/Berlin'"):
        exact(HOURS, table(), METADATA, time_zone="Europe/Berlim")
    having = (
        "SELECT seen, COUNT(*) AS n FROM S.people GROUP BY seen "
        "HAVING seen > '2024-01-01T00:00:00+00:00'"
    )
    with pytest.raises(QueryRefusedError, match="without an offset"):
        exact(having, table(), METADATA, time_zone="Europe/Berlin")
