"""Private SQL against SQL written by hand, against smartnoise-sql, and against bare noise; one run.

    python benchmarks/private_sql.py --rows 10000000 --persons 3000000 --repeats 3

Wall-clock seconds, contenders in turns, medians. What can be compared exactly (the number of
bounded rows, the groups) is compared before a ratio is printed. smartnoise-sql may take minutes:
``--upstream-rows`` and ``--upstream-groups`` make it smaller, and the output says so.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import opendp.prelude as dp
import pandas as pd
import pyarrow as pa
from snsql import Privacy as UpstreamPrivacy
from snsql import from_df

from rai_scale.engines import engine_of
from rai_scale.privacy import HashKey, NoLedger, Privacy
from rai_scale.private_queries import PrivateRelease, exact_aggregates, load_metadata, private_sql
from rai_scale.private_queries.release.draw import draw, encoded
from rai_scale.private_queries.release.plan import make_plan

LIMIT = 4
SUMS = "COUNT(*) AS n, SUM(cost) AS cost, SUM(age) AS age"
QUERY = f"SELECT ward, {SUMS} FROM clinic.visits GROUP BY ward"
BUDGET = Privacy(epsilon=1.0, delta=1e-6, ledger="none")
Timed = dict[str, float]


def described(**table: Any) -> dict[str, Any]:
    columns = {
        "person": {"type": "int", "private_id": True, "nullable": False},
        "ward": {"type": "int"},
        "cost": {"type": "float", "lower": 0.0, "upper": 500.0},
        "age": {"type": "int", "lower": 0, "upper": 100},
    }
    return {"": {"clinic": {"visits": {**table, **columns}}}}


def write_visits(path: Path, *, rows: int, persons: int, groups: int) -> str:
    """Write rows of random persons; with as many persons as rows each has one."""
    person = "i" if persons >= rows else f"(random() * {persons})::BIGINT"
    duckdb.sql(
        f"""COPY (SELECT {person} AS person, (random() * {groups})::BIGINT % {groups} AS ward,
        -150 * ln(1 - random()) AS cost, (random() * 110)::BIGINT AS age
        FROM range({rows}) AS r(i)) TO '{path}' (FORMAT parquet)"""
    )
    return str(path)


def in_turns(contenders: dict[str, Callable[[], Any]], repeats: int) -> tuple[Timed, dict]:
    """Return the median seconds of each contender and its last result."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    results = {}
    for _ in range(repeats):
        for name, run in contenders.items():
            start = time.perf_counter()
            results[name] = run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}, results


def show(title: str, seconds: Timed, ratios: dict[str, float]) -> None:
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:<50}{value:10.3f} s")
    for name, value in ratios.items():
        print(f"  {name:<50}{value:10.2f} x", flush=True)


# ---------------------------------------------------------------- (a) against SQL by hand


def by_hand(source: str, mix: str) -> str:
    """Return the bounded aggregate as one writes it: a window per person, clamped, grouped."""
    return f"""SELECT ward, count(*) AS n, sum(greatest(least(cost, 500.0), 0.0)) AS cost,
        sum(greatest(least(age, 100), 0)) AS age
        FROM (SELECT *, row_number() OVER (PARTITION BY person ORDER BY {mix}) AS place
              FROM {source} WHERE person IS NOT NULL) AS numbered
        WHERE place <= {LIMIT} GROUP BY ward"""


def by_hand_sparing(source: str, mix: str) -> str:
    """Return the same with a window over the persons beyond the limit only."""
    clamped = "ward, greatest(least(cost, 500.0), 0.0) AS cost, greatest(least(age, 100), 0) AS age"
    return f"""WITH many AS (SELECT person FROM {source} WHERE person IS NOT NULL
                   GROUP BY person HAVING count(*) > {LIMIT}),
        kept AS (
            SELECT {clamped} FROM {source} ANTI JOIN many USING (person) WHERE person IS NOT NULL
            UNION ALL
            SELECT {clamped} FROM (
                SELECT *, row_number() OVER (PARTITION BY person ORDER BY {mix}) AS place
                FROM {source} SEMI JOIN many USING (person)) AS numbered WHERE place <= {LIMIT})
        SELECT ward, count(*) AS n, sum(cost) AS cost, sum(age) AS age FROM kept GROUP BY ward"""


def bare(source: str) -> str:
    return f"SELECT ward, {SUMS} FROM {source} GROUP BY ward"


def clamped(source: str) -> str:
    return f"""SELECT ward, count(*) AS n, sum(greatest(least(cost, 500.0), 0.0)) AS cost,
        sum(greatest(least(age, 100), 0)) AS age FROM {source} GROUP BY ward"""


def against_sql(
    name: str,
    frame_of: Callable[[], Any],
    sql: Callable[[str], pd.DataFrame],
    *,
    mix: str,
    repeats: int,
    unique: bool,
) -> None:
    """Time private_sql against SQL that gives no privacy, after comparing the bounded rows."""
    metadata = described(max_ids=LIMIT)
    if unique:
        metadata = described(max_ids=1, sample_max_ids=False)

    def ours() -> Any:
        return private_sql(QUERY, {"visits": frame_of()}, metadata, privacy=BUDGET).to_pandas()

    contenders = {"bare GROUP BY": lambda: sql(bare("visits"))}
    if unique:
        contenders["by hand: clamped"] = lambda: sql(clamped("visits"))
    else:
        contenders["by hand: a window over all"] = lambda: sql(by_hand("visits", mix))
        contenders["by hand: a window where needed"] = lambda: sql(by_hand_sparing("visits", mix))
    contenders["private_sql"] = ours
    for run in contenders.values():
        run()
    seconds, found = in_turns(contenders, repeats)
    frame = frame_of()
    schema = engine_of(frame).schema(frame)
    plan = make_plan(QUERY, load_metadata(metadata), schema, BUDGET)
    exact = exact_aggregates(plan, frame, HashKey(b"benchmark"), schema)
    place = next(i for i, a in enumerate(plan.aggregates) if a.kind == "rows")
    peer = "bare GROUP BY" if unique else "by hand: a window over all"
    assert sum(exact[f"a{place}"].to_pylist()) == found[peer]["n"].sum()
    peers = (
        [peer, "by hand: clamped"]
        if unique
        else [peer, "by hand: a window where needed", "bare GROUP BY"]
    )
    target = "target at most 1.5" if unique else "target at most 1.3 of the first"
    ratios = {f"private_sql / {p}": seconds["private_sql"] / seconds[p] for p in peers}
    show(f"(a) {name} ({target})", seconds, ratios)


def local_frames(path: str) -> tuple[Callable[[], Any], Callable[[str], pd.DataFrame]]:
    def sql(query: str) -> pd.DataFrame:
        connection = duckdb.connect()
        connection.sql(f"CREATE VIEW visits AS SELECT * FROM '{path}'")
        return connection.sql(query).df()

    return lambda: duckdb.connect().sql(f"SELECT * FROM '{path}'"), sql


def spark_session() -> Any:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    session = builder.config("spark.sql.shuffle.partitions", "8").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def spark_frames(path: str) -> tuple[Callable[[], Any], Callable[[str], pd.DataFrame]]:
    session = spark_session()

    def sql(query: str) -> pd.DataFrame:
        session.read.parquet(path).createOrReplaceTempView("visits")
        spelled = query.replace("ANTI JOIN", "LEFT ANTI JOIN").replace(
            "SEMI JOIN", "LEFT SEMI JOIN"
        )
        return session.sql(spelled).toPandas()

    return lambda: session.read.parquet(path), sql


# ---------------------------------------------------------------- (b) against smartnoise-sql


def against_upstream(
    path: str, small: str, *, sizes: str, groups: int, repeats: int, spark: bool
) -> None:
    for run in upstream_contenders(small, spark).values():
        run()  # imports and the start of Spark are not what is measured
    contenders = upstream_contenders(path, spark)
    seconds, found = in_turns(contenders, repeats)
    for name, result in found.items():
        assert len(result) == groups, f"{name}: {len(result)} groups"
    ratios = {
        f"smartnoise-sql / private_sql, {where}": seconds[theirs] / seconds[f"private_sql, {where}"]
        for where in ("pandas", "Spark")
        for theirs in contenders
        if theirs.startswith(f"smartnoise-sql, {where}")
    }
    show(f"(b) {sizes} (target at least 10)", seconds, ratios)


def upstream_contenders(path: str, spark: bool) -> dict[str, Callable[[], Any]]:
    metadata = described(max_ids=LIMIT, censor_dims=False)  # so that all groups are shown
    frame = pd.read_parquet(path)
    contenders = {
        "private_sql, pandas": lambda: ours_on(frame, metadata),
        "smartnoise-sql, pandas (sqlite)": lambda: upstream_pandas(frame, metadata),
    }
    if spark:
        session = spark_session()
        contenders["private_sql, Spark"] = lambda: ours_on(session.read.parquet(path), metadata)
        contenders["smartnoise-sql, Spark"] = lambda: upstream_spark(session, path, metadata)
    return contenders


def ours_on(frame: Any, metadata: dict[str, Any]) -> pd.DataFrame:
    return private_sql(QUERY, {"visits": frame}, metadata, privacy=BUDGET).to_pandas()


def privacy() -> UpstreamPrivacy:
    return UpstreamPrivacy(epsilon=1.0 / 3, delta=1e-6)  # upstream's epsilon is per column


def upstream_pandas(frame: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
    return from_df(frame, privacy=privacy(), metadata=metadata).execute_df(QUERY)


def upstream_spark(session: Any, path: str, metadata: dict[str, Any]) -> Any:
    """Run smartnoise-sql on Spark and bring the result here once, as its users do."""
    from snsql import from_connection

    session.sql("CREATE DATABASE IF NOT EXISTS clinic")
    session.sql("DROP TABLE IF EXISTS clinic.visits")
    session.sql(f"CREATE TABLE clinic.visits USING parquet LOCATION '{path}'")
    reader = from_connection(session, privacy=privacy(), metadata=metadata, engine="spark")
    return reader.execute(QUERY).collect()


# ---------------------------------------------------------------- (c) noise alone, and memory


def against_bare_noise(groups: int, repeats: int) -> None:
    """Time noise, release and post-processing of 4 columns against the bare vectorised draws."""
    metadata = load_metadata(described(max_ids=LIMIT))
    plan = make_plan(QUERY, metadata, None, BUDGET)
    assert len(plan.aggregates) == 4, "the three of the query, and persons for the threshold"
    values = np.full(groups, 1_000_000, dtype=np.int64)
    exact = pa.table(
        {"k0": np.arange(groups), **{f"a{i}": values for i in range(len(plan.aggregates))}}
    )
    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    book = NoLedger()

    def bare_draws() -> int:
        scales = [column.noise.scale for column in plan.budgeted.columns]
        drawn = [dp.m.make_laplace(domain, dp.l1_distance(T="i64"), s)(values) for s in scales]
        return len(drawn[0])

    def ours() -> int:
        arrow, facts = encoded(plan, draw(plan, exact))
        held = book.reserve("s", "a", "d", plan.budgeted.costs)
        stored = book.store_release(held, arrow, facts)
        return len(PrivateRelease(stored, plan).to_pandas())

    contenders = {"bare OpenDP draws": bare_draws, "noise, release, post-processing": ours}
    ours()
    seconds, found = in_turns(contenders, repeats)
    assert set(found.values()) == {groups}
    ratio = seconds["noise, release, post-processing"] / seconds["bare OpenDP draws"]
    title = f"(c) {groups:,} groups, {len(plan.aggregates)} noisy columns (target at most 2)"
    show(title, seconds, {"ours / bare draws": ratio})


def memory(paths: dict[str, str], engine: str) -> None:
    """Print the peak memory of a driver of its own, for tables of different length and groups."""
    print(f"\n(c) Peak memory of the driver's Python process, {engine}")
    for name, path in paths.items():
        command = [sys.executable, __file__, "--peak-of", path, "--peak-engine", engine]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"  {name:<40}{run.stdout.strip().splitlines()[-1]:>10} MiB", flush=True)


def peak_of(path: str, engine: str) -> None:
    frames, _ = spark_frames(path) if engine == "spark" else local_frames(path)
    ours_on(frames(), described(max_ids=LIMIT))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--persons", type=int, default=3_000_000)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--spark-rows", type=int, default=2_000_000, help="0: no Spark")
    parser.add_argument("--upstream-rows", type=int, default=1_000_000)
    parser.add_argument("--upstream-groups", type=int, default=5_000)
    parser.add_argument("--noise-groups", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", default="abcmd", help="which of a, b, c, m (memory), d")
    parser.add_argument("--peak-of")
    parser.add_argument("--peak-engine", default="local")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    if asked.peak_of:
        peak_of(asked.peak_of, asked.peak_engine)
        return
    with tempfile.TemporaryDirectory() as folder:
        run_parts(asked, Path(folder))


def run_parts(asked: argparse.Namespace, folder: Path) -> None:
    os.chdir(folder)  # Spark's warehouse
    share = asked.persons / asked.rows
    if "c" in asked.parts:
        against_bare_noise(asked.noise_groups, asked.repeats)
    for engine, rows in (("local", asked.rows), ("Spark", asked.spark_rows)):
        if "a" not in asked.parts or not rows:
            continue
        for unique in (False, True):
            persons = rows if unique else int(rows * share)
            path = write_visits(
                folder / f"a_{engine}_{unique}.parquet",
                rows=rows,
                persons=persons,
                groups=asked.groups,
            )
            frames, sql = local_frames(path) if engine == "local" else spark_frames(path)
            mix = (
                "hash(person, ward, cost, age)"
                if engine == "local"
                else "xxhash64(person, ward, cost, age)"
            )
            what = (
                "one row per person"
                if unique
                else f"{persons:,} persons, at most {LIMIT} rows of each"
            )
            name = f"{engine}, {rows:,} rows, {what}"
            against_sql(name, frames, sql, mix=mix, repeats=asked.repeats, unique=unique)
    if "b" in asked.parts:
        rows, groups = asked.upstream_rows, asked.upstream_groups
        path = write_visits(
            folder / "b.parquet", rows=rows, persons=int(rows * share), groups=groups
        )
        sizes = f"{rows:,} rows, {groups:,} groups, medians of {asked.repeats}"
        if (rows, groups) != (1_000_000, 5_000):
            sizes += "; scaled down from 1,000,000 rows and 5,000 groups, nothing extrapolated"
        small = write_visits(folder / "small.parquet", rows=2_000, persons=600, groups=5)
        against_upstream(
            path,
            small,
            sizes=sizes,
            groups=groups,
            repeats=asked.repeats,
            spark=bool(asked.spark_rows),
        )
    if "d" in asked.parts:
        print("\n(d) Intervals of private metric_frame", flush=True)
        script = str(Path(__file__).with_name("private_fairness.py"))
        subprocess.run([sys.executable, script], check=True)
    if "m" in asked.parts:
        paths = {}
        rows = asked.spark_rows or asked.rows
        for n, groups in ((rows // 10, 100), (rows, 100), (rows, min(20_000, rows // 60))):
            file = folder / f"m_{n}_{groups}.parquet"
            paths[f"{n:,} rows, {groups:,} groups"] = write_visits(
                file, rows=n, persons=int(n * share), groups=groups
            )
        memory(paths, "spark" if asked.spark_rows else "local")


if __name__ == "__main__":
    main()
