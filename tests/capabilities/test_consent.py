"""Consent: forty cases, the same on every engine, and what is refused."""

from __future__ import annotations

import datetime

import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.personalization import apply_consent
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import full, make_case

AT = pd.Timestamp("2025-03-30T12:00:00Z")
GROUPS = {"location": ["zip", "city"], "purchases": ["spent"], "device": ["city"]}
REFRESH = datetime.timedelta(days=365)
DAY = datetime.timedelta(days=1)
MICRO = datetime.timedelta(microseconds=1)
ZONE = datetime.timezone(datetime.timedelta(hours=2))


def zoned(text):
    return datetime.datetime.fromisoformat(text)


# person, decisions about location (decision, time, expires), the reason or "" if allowed
CASES: list[tuple[str, list[tuple], str]] = [
    ("allowed", [("allow", AT - DAY, None)], ""),
    ("denied", [("deny", AT - DAY, None)], "denied"),
    ("unknown", [], "no decision"),
    ("allowed then denied", [("allow", AT - 2 * DAY, None), ("deny", AT - DAY, None)], "denied"),
    ("denied then allowed", [("deny", AT - 2 * DAY, None), ("allow", AT - DAY, None)], ""),
    ("in any order", [("allow", AT - DAY, None), ("deny", AT - 2 * DAY, None)], ""),
    ("two that differ", [("allow", AT - DAY, None), ("deny", AT - DAY, None)], "conflicting decisions"),
    ("two that agree", [("allow", AT - DAY, None), ("allow", AT - DAY, None)], ""),
    ("two denials", [("deny", AT - DAY, None), ("deny", AT - DAY, None)], "denied"),
    ("differ, then allowed", [("allow", AT - 2 * DAY, None), ("deny", AT - 2 * DAY, None), ("allow", AT - DAY, None)], ""),
    ("allowed later", [("allow", AT + DAY, None)], "no decision"),
    ("denied later", [("allow", AT - DAY, None), ("deny", AT + DAY, None)], ""),
    ("allowed now", [("allow", AT, None)], "no decision"),
    ("denied now", [("allow", AT - DAY, None), ("deny", AT, None)], "denied"),
    ("denied, allowed now", [("deny", AT - DAY, None), ("allow", AT, None)], "denied"),
    ("allowed, allowed again now", [("allow", AT - DAY, None), ("allow", AT, None)], ""),
    ("both now", [("allow", AT, None), ("deny", AT, None)], "conflicting decisions"),
    ("a microsecond ago", [("allow", AT - MICRO, None)], ""),
    ("a microsecond later", [("deny", AT + MICRO, None), ("allow", AT - DAY, None)], ""),
    ("ends now", [("allow", AT - DAY, AT)], "expired"),
    ("ends a microsecond later", [("allow", AT - DAY, AT + MICRO)], ""),
    ("ended", [("allow", AT - 3 * DAY, AT - DAY)], "expired"),
    ("ended, older one open", [("allow", AT - 9 * DAY, None), ("allow", AT - 3 * DAY, AT - DAY)], "expired"),
    ("ended, then denied", [("allow", AT - 3 * DAY, AT - 2 * DAY), ("deny", AT - DAY, None)], "denied"),
    ("ended, then allowed", [("allow", AT - 3 * DAY, AT - 2 * DAY), ("allow", AT - DAY, None)], ""),
    ("denial does not end", [("deny", AT - 3 * DAY, AT - DAY)], "denied"),
    ("two ends, the first counts", [("allow", AT - DAY, AT), ("allow", AT - DAY, AT + DAY)], "expired"),
    ("ends before it begins", [("allow", AT - DAY, AT - 2 * DAY)], "expired"),
    ("refresh now", [("allow", AT - REFRESH, None)], "refresh due"),
    ("refresh a microsecond later", [("allow", AT - REFRESH + MICRO, None)], ""),
    ("refresh long due", [("allow", AT - 2 * REFRESH, None)], "refresh due"),
    ("refreshed", [("allow", AT - 2 * REFRESH, None), ("allow", AT - DAY, None)], ""),
    ("old denial", [("deny", AT - 2 * REFRESH, None)], "denied"),
    ("refresh due and expired", [("allow", AT - 2 * REFRESH, AT - DAY)], "expired"),
    ("clock of Berlin, before", [("allow", zoned("2025-03-30T13:59:59+02:00"), None)], ""),
    ("clock of Berlin, now", [("allow", zoned("2025-03-30T14:00:00+02:00"), None)], "no decision"),
    ("clock of New York, after", [("allow", zoned("2025-03-30T08:00:01-04:00"), None)], "no decision"),
    ("end on the clock of Tokyo", [("allow", AT - DAY, zoned("2025-03-30T21:00:00+09:00"))], "expired"),
    ("hour that is skipped in Berlin", [("deny", zoned("2025-03-30T03:00:00+02:00"), None), ("allow", zoned("2025-03-30T01:59:59+01:00"), None)], "denied"),
    ("denied in another group", [], "no decision"),
]  # fmt: skip


def consents() -> pa.Table:
    rows = [(name, "location", *one) for name, given, _ in CASES for one in given]
    rows += [("allowed", "device", "allow", AT - DAY, None)]
    rows += [("denied in another group", "purchases", "deny", AT - DAY, None)]
    rows += [(None, "location", "allow", AT - DAY, None), ("allowed", "other", "deny", AT, None)]
    rows += [("allowed", None, "deny", AT - DAY, None)]
    columns = list(zip(*rows, strict=True))
    times = [pd.to_datetime(pd.Series(c), utc=True) for c in columns[3:]]
    names = ["who", "feature_group", "decision", "time", "until"]
    return pa.table([*map(pa.array, columns[:3]), *map(pa.Array.from_pandas, times)], names=names)


def people() -> pa.Table:
    names = [name for name, _, _ in CASES] + [None]
    return pa.table(
        {
            "who": names,
            "zip": [f"{i:05d}" for i in range(len(names))],
            "city": ["Bern"] * len(names),
            "spent": list(range(len(names))),
            "at": pa.array([AT] * len(names), pa.timestamp("us", "UTC")),
        }
    )


def expected(default="deny"):
    for name, _, reason in [*CASES, (None, [], "no decision")]:
        yield name, "" if reason == "no decision" and default == "allow" else reason


ASKED = {"person": "who", "feature_groups": GROUPS, "expires": "until", "refresh": REFRESH}


def check(case, frame, default="deny"):
    rows = {row["who"]: row for row in case.rows(frame)}
    assert len(rows) == 41
    for name, reason in expected(default):
        row, said = rows[name], rows[name]["_rai_consent"]
        assert (row["zip"] is None) == bool(reason), name
        assert [f"location: {reason}"] * bool(reason) == [
            part for part in said.split("; ") if part.startswith("location")
        ], name
        kept = default == "allow"
        device = name == "allowed" or kept
        assert (row["city"] is None) == (bool(reason) or not device), name
        own = "denied" if name == "denied in another group" else "" if kept else "no decision"
        assert (row["spent"] is None) == bool(own)
        assert (f"purchases: {own}" in said) == bool(own)


@pytest.mark.parametrize("at", [full(AT), full("2025-03-30T14:00:00+02:00"), "at"])
@pytest.mark.parametrize("name", ["local", "pandas", "dask", *ON_SPARK])
def test_forty_cases(name, at, request):
    case = make_case(name, request)
    frame, given = case.make(people(), 3), case.make(consents(), 2)
    check(case, apply_consent(frame, given, at=at, **ASKED))
    if name in ("local", "pandas"):
        check(case, apply_consent(frame, given, at=at, default="allow", **ASKED), "allow")


@pytest.mark.parametrize("name", ["dask", *ON_SPARK])
def test_decisions_of_another_engine_are_sent_to_the_workers(name, request):
    case = make_case(name, request)
    check(case, apply_consent(case.make(people(), 3), consents().to_pandas(), at=AT, **ASKED))


def test_the_cases_are_forty():
    assert len(CASES) == len({name for name, _, _ in CASES}) == 40


def test_it_is_lazy_and_other_columns_stay():
    import dask.dataframe as dd

    def fail(part):
        raise AssertionError("computed")

    table = people().to_pandas().assign(odd=[{"a": 1}] * 41)
    lazy = dd.from_pandas(table[["who", "zip"]], npartitions=2).map_partitions(
        fail, meta=table[["who", "zip"]].iloc[:0]
    )
    given = consents().to_pandas()
    asked = {**ASKED, "feature_groups": {"location": ["zip"]}, "at": AT}
    assert "_rai_consent" in apply_consent(lazy, given, **asked).columns
    found = apply_consent(table, given, **asked)
    assert [*found.columns] == [*table.columns, "_rai_consent"]
    assert found["odd"].tolist() == table["odd"].tolist()
    assert found["spent"].tolist() == table["spent"].tolist()


def test_numbers_of_people_are_compared_exactly():
    given = pd.DataFrame(
        {
            "id": [2**60, 2**60 + 1],
            "feature_group": "f",
            "decision": [True, False],
            "time": [AT - DAY] * 2,
        }
    )
    frame = pd.DataFrame({"who": [2**60 + 1, 2**60, 2**60 + 2], "x": [1, 2, 3]})
    found = apply_consent(
        frame, given, person="who", consent_person="id", feature_groups={"f": ["x"]}, at=AT
    )
    assert found["_rai_consent"].tolist() == ["f: denied", "", "f: no decision"]
    assert found["x"].isna().tolist() == [True, False, True]
    late = apply_consent(
        frame, given.iloc[:0], person="who", consent_person="id", feature_groups={"f": ["x"]}, at=AT
    )
    assert late["x"].isna().all()


def test_what_is_not_a_consent_is_refused():
    frame, given = people().to_pandas(), consents().to_pandas()
    with pytest.raises(ConfigError, match="time zone"):
        apply_consent(frame, given.assign(time=pd.Timestamp("2025-01-01")), at=AT, **ASKED)
    with pytest.raises(ConfigError, match="time with a time zone"):
        apply_consent(frame, given, at=datetime.datetime(2025, 1, 1), **ASKED)
    with pytest.raises(ConfigError, match="neither a column nor a time"):
        apply_consent(frame, given, at="soon", **ASKED)
    with pytest.raises(ConfigError, match="neither 'allow' nor 'deny'"):
        apply_consent(frame, given.assign(decision="maybe"), at=AT, **ASKED)
    with pytest.raises(ConfigError, match="default must be"):
        apply_consent(frame, given, at=AT, default="ask", **ASKED)
    with pytest.raises(ConfigError, match="cannot be a feature"):
        apply_consent(frame, given, person="who", feature_groups={"a": ["who"]}, at=AT)
    with pytest.raises(ConfigError, match="already has a column"):
        apply_consent(frame, given, at=AT, status="zip", **ASKED)
    with pytest.raises(MissingColumnError, match="Did you mean"):
        apply_consent(frame, given, at=AT, person="whom", feature_groups={})
