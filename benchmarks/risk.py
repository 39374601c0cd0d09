"""Seconds of the measures of anonymity, of linkage and of generalisation, next to others.

    python benchmarks/risk.py                        # all parts but spark
    python benchmarks/risk.py classes --rows 10000000
    python benchmarks/risk.py spark --rows 50000000  # one size per process, for its memory

Each part makes its tables under ``out/``, and both sides of a ratio read the same ones in one run,
in turns. ``pycanon`` runs pyCANON in its own environment (``scripts/peers.py``). ``guide`` needs
the folder of reference data (RAI_SCALE_REFERENCE_DATA).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from peers import environment  # noqa: E402

from rai_scale.risk import Anonymity, anonymity, generalise, linkage_attack  # noqa: E402
from rai_scale.risk.conditions import conditions_of  # noqa: E402
from rai_scale.risk.linkage_tables import linkage_tables  # noqa: E402

DATA = Path(os.environ.get("RAI_SCALE_REFERENCE_DATA", "../shared/data"))
OUT = ROOT / "out" / "risk"
NEAR = 1e-9
KEYS, SENSITIVE = ["q0", "q1"], "s"
BAND = [("equal", "Gender"), ("within_band", "Age"), ("prefix", "Zip", 3)]
PYCANON = """
import json, sys, time, warnings
import pandas as pd
from pycanon import anonymity as a
warnings.simplefilter("ignore")
data, keys, s = pd.read_csv(sys.argv[1]), ["q0", "q1"], ["s"]
data["s"] = "v" + data["s"].astype(str)
start, wall = time.process_time(), time.perf_counter()
found = {
    "k": int(a.k_anonymity(data, keys)),
    "distinct_l": float(a.l_diversity(data, keys, s)),
    "entropy_l": float(a.entropy_l_diversity(data, keys, s)),
    "t": float(a.t_closeness(data, keys, s)),
    "delta": float(a.delta_disclosure(data, keys, s)),
    "beta": float(a.basic_beta_likeness(data, keys, s)),
    "enhanced_beta": float(a.enhanced_beta_likeness(data, keys, s)),
    "alpha": float(a.alpha_k_anonymity(data, keys, s)[0]),
    "recursive_c": float(a.recursive_c_l_diversity(data, keys, s)[0]),
}
print(json.dumps([time.process_time() - start, time.perf_counter() - wall, found]))
"""


def timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the CPU seconds of this process, the wall seconds and the result."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = run()
    return time.process_time() - cpu, time.perf_counter() - wall, found


def in_turns(repeats: int, *runs: Callable[[], Any]) -> list[tuple[float, float, Any]]:
    """Run each in turns; return its median CPU and wall seconds, and its last result."""
    found = [[timed(run) for run in runs] for _ in range(repeats)]
    return [
        (*(statistics.median(one[at][i] for one in found) for i in (0, 1)), found[-1][at][2])
        for at in range(len(runs))
    ]


def measured(frame: Any) -> Anonymity:
    """Return all measures of one sensitive column."""
    return anonymity(frame, quasi_identifiers=KEYS, sensitive=SENSITIVE)


def made(rows: int, sizes: tuple[int, int], values: int = 10) -> Path:
    """Return a Parquet file with quasi-identifiers of these numbers of values, and ``s``."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"classes_{rows}_{sizes[0]}_{sizes[1]}.parquet"
    if not path.exists():
        columns = [f"(hash(i * 7 + {at}) % {n})::INT AS q{at}" for at, n in enumerate(sizes)]
        own = f"(least(hash(i * 7 + 5) % {values}, hash(i * 7 + 6) % {values}))::INT AS s"
        chosen = f"SELECT {', '.join(columns)}, {own} FROM range({rows}) AS t(i)"
        duckdb.connect().sql(chosen).write_parquet(str(path))
    return path


def pycanon(rows: int = 100_000) -> bool:
    """Compare all measures of a table of 1,600 classes with pyCANON, and the time."""
    data = pd.read_parquet(made(rows, (40, 40)))
    path = OUT / "pycanon.csv"
    data.to_csv(path, index=False)
    command = [str(environment("pycanon")), "-c", PYCANON, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu, wall, theirs = json.loads(done.stdout.splitlines()[-1])
    ((own, own_wall, found),) = in_turns(3, lambda: measured(data))
    ours = {**found.diversity.iloc[0].to_dict(), "k": found.k}
    rounded = {"entropy_l": int(ours["entropy_l"]), "recursive_c": theirs["recursive_c"]}
    same = all(abs((ours | rounded)[name] - theirs[name]) <= NEAR for name in theirs)
    print(f"pyCANON, {rows:,} rows, {found.classes:,} classes, 9 measures: {cpu:.1f} CPU s "
          f"({wall:.1f} s); anonymity {own:.2f} CPU s ({own_wall:.2f} s): {cpu / own:.0f} times "
          f"less CPU, {wall / own_wall:.0f} times less time. Equal: {same} (entropy l rounded down "
          "as theirs, c not compared).")  # fmt: skip
    return same and cpu / own >= 100 and wall / own_wall >= 100


def classes(rows: int, repeats: int) -> bool:
    """Compare with the bare GROUP BY of DuckDB, for few and for many classes."""
    good = True
    for sizes, by, limit in (((40, 40), [*KEYS, SENSITIVE], 2), ((3_000, 1_000), KEYS, 3.5)):
        path = str(made(rows, sizes))
        grouped = f"SELECT {', '.join(by)}, count(*) AS n FROM '{path}' GROUP BY ALL"
        bare = f"SELECT count(*), sum(n) FROM ({grouped})"
        (base, base_wall, _), (own, own_wall, found) = in_turns(
            repeats,
            lambda bare=bare: duckdb.sql(bare).fetchall(),
            lambda path=path: measured(duckdb.read_parquet(path)),
        )
        good &= own <= limit * base
        print(f"anonymity, {rows:,} rows, {found.classes:,} classes, local: bare GROUP BY of "
              f"{', '.join(by)} {base:.2f} CPU s ({base_wall:.2f} s); all measures {own:.2f} CPU s "
              f"({own_wall:.2f} s): {own / base:.2f} times the CPU, "
              f"{own_wall / base_wall:.2f} times the time (limit {limit}). {found!r}",
              flush=True)  # fmt: skip
    return good


def guide(repeats: int) -> bool:
    """Repeat the guide's attack with its loop, a merge and linkage_attack."""
    texts = {"Gender": str, "Zip": str, "ID": str}
    published, known = (
        pd.read_csv(DATA / "reident" / f"data_{part}.csv", dtype=texts)
        for part in ("medical", "demographic")
    )
    part = known.iloc[:: len(known) // 200]

    def loop() -> int:
        """For each known person, filter the published table, as the guide's notebook does."""
        ends = published["Age"].str.split("-", expand=True).astype(int)
        hits = 0
        for one in part.itertuples():
            rows = published[
                (published["Gender"] == one.Gender)
                & (ends[0] <= one.Age)
                & (one.Age <= ends[1])
                & (published["Zip"].str[:3] == one.Zip[:3])
            ]
            hits += len(rows) > 0
        return hits

    def merge() -> int:
        ends = published["Age"].str.split("-", expand=True).astype(int)
        left = published.assign(low=ends[0], high=ends[1], zip=published["Zip"].str[:3])
        right = known.assign(zip=known["Zip"].str[:3], row=np.arange(len(known)))
        both = right.merge(left, on=["Gender", "zip"], suffixes=("", "_p"))
        return both.loc[both["Age"].between(both["low"], both["high"]), "row"].nunique()

    looped = timed(loop)
    own, merged = in_turns(
        repeats, lambda: linkage_attack(published, known, on=BAND, truth="ID"), merge
    )
    share = len(known) / len(part)
    same = own[2].with_candidate == merged[2] and looped[2] == len(part)
    print(f"The guide's attack, 30,000 x 30,000: loop {looped[0] * share:.0f} CPU s ({len(part)} "
          f"people measured, the rest extrapolated); pandas merge {merged[0]:.2f} CPU s "
          f"({merged[1]:.2f} s), candidates alone; linkage_attack with truth and both baselines "
          f"{own[0]:.2f} CPU s ({own[1]:.2f} s): {looped[0] * share / own[0]:.0f} times less than "
          f"the loop. Equal: {same}.", flush=True)  # fmt: skip
    return same


def linked_tables(rows: int, known: int) -> tuple[Path, Path]:
    """Return two Parquet files; one of 1,000 zip codes holds a fifth of all rows."""
    OUT.mkdir(parents=True, exist_ok=True)
    paths = OUT / f"published_{rows}.parquet", OUT / f"known_{known}.parquet"
    for path, number, step in zip(paths, (rows, known), (rows // known, 1), strict=True):
        if path.exists():
            continue
        i = f"i * {1 if step > 1 else rows // known}"
        age = f"(hash({i} * 5 + 1) % 100)::INT"
        zip_ = (f"CASE WHEN hash({i} * 5 + 2) % 5 = 0 THEN '65401' ELSE "
                f"lpad((hash({i} * 5 + 3) % 100000)::VARCHAR, 5, '0') END")  # fmt: skip
        band = f"(({age} // 10) * 10)::VARCHAR || '-' || (({age} // 10) * 10 + 9)::VARCHAR"
        shown = f"{band} AS Age, left({zip_}, 3) || '**' AS Zip"
        columns = shown if step > 1 else f"{age} AS Age, {zip_} AS Zip"
        made_ = f"SELECT {i} AS ID, chr(65 + (hash({i} * 5) % 2)::INT) AS Gender, {columns}"
        duckdb.connect().sql(f"{made_} FROM range({number}) AS t(i)").write_parquet(str(path))
    return paths


def naive(published: Path, known: Path) -> list[tuple[int, int]]:
    """Return the known rows per number of candidates, by a join of all rows."""
    p = (f"SELECT Gender, left(Zip, 3) AS zip, split_part(Age, '-', 1)::INT AS low, "
         f"split_part(Age, '-', 2)::INT AS high FROM '{published}'")  # fmt: skip
    k = f"SELECT ID, Gender, left(Zip, 3) AS zip, Age FROM '{known}'"
    pairs = ("SELECT k.ID, count(p.low) AS c FROM k LEFT JOIN p ON k.Gender = p.Gender AND "
             "k.zip = p.zip AND k.Age BETWEEN p.low AND p.high GROUP BY k.ID")  # fmt: skip
    query = f"WITH p AS ({p}), k AS ({k}) SELECT c, count(*) FROM ({pairs}) GROUP BY c ORDER BY c"
    return [(int(a), int(b)) for a, b in duckdb.connect().sql(query).fetchall()]


def sizes_of(found: Any) -> list[tuple[int, int]]:
    by = found.sizes.groupby("candidates")["rows"].sum()
    return [(int(a), int(b)) for a, b in by.items()]


def linkage(rows: int, read: Callable[[Path], Any], name: str) -> bool:
    """Link large tables; at 100,000 rows the answer is that of a join of all rows."""
    small = linked_tables(100_000, 50_000)
    same = sizes_of(linkage_attack(*map(read, small), on=BAND, truth="ID")) == naive(*small)
    cpu, wall, found = timed(
        lambda: linkage_attack(*map(read, linked_tables(rows, rows // 10)), on=BAND, truth="ID")
    )
    print(f"linkage_attack, {rows:,} x {rows // 10:,} rows, one zip code with 20 %, {name}: "
          f"{wall:.1f} s ({cpu:.1f} CPU s of this process). {found!r}. At 100,000 x 50,000 equal "
          f"to a naive join: {same}.", flush=True)  # fmt: skip
    return same and found.true_among == rows // 10


def levels(rows: int) -> bool:
    """Generalise a large table in one pass and its cells."""
    path = str(made(rows, (3_000, 100)))
    hierarchies = {"q0": {"intervals": [10, 50, 250, 1000]}, "q1": {"intervals": [5, 20, 40]}}
    asked = {"hierarchies": hierarchies, "quasi_identifiers": KEYS, "k": 50}
    bare = f"SELECT count(*) FROM (SELECT q0, q1, count(*) AS n FROM '{path}' GROUP BY ALL)"
    base, own = in_turns(
        1,
        lambda: duckdb.sql(bare).fetchall(),
        lambda: generalise(duckdb.read_parquet(path), **asked, max_suppressed=0.01),
    )
    print(f"generalise, {rows:,} rows, 300,000 cells, local: bare GROUP BY {base[0]:.2f} CPU s; "
          f"count and search {own[0]:.2f} CPU s ({own[1]:.2f} s). {own[2]!r}",
          flush=True)  # fmt: skip
    return bool(own[2].optimal)


def spark(rows: int) -> bool:
    """Measure classes and linkage on Spark; print the peak memory of this process."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    good = True
    for sizes in ((40, 40), (3_000, 1_000))[: 2 if rows <= 10_000_000 else 1]:
        frame = session.read.parquet(str(made(rows, sizes)))
        bare = frame.groupBy(*KEYS, SENSITIVE).count()
        base = timed(lambda bare=bare: bare.groupBy().sum("count").collect())
        own = timed(lambda frame=frame: measured(frame))
        good &= own[2].rows == rows
        print(f"anonymity, {rows:,} rows, Spark: bare GROUP BY {base[1]:.1f} s, all measures "
              f"{own[1]:.1f} s: {own[1] / base[1]:.2f} times. {own[2]!r}", flush=True)  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Peak memory of the driver's Python after {rows:,} rows: {peak:.0f} MiB", flush=True)
    return good


def spark_linkage(rows: int) -> bool:
    """Link large tables on Spark, whose plan has no cross join."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    frames = [session.read.parquet(str(path)) for path in linked_tables(rows, rows // 10)]
    tables, _ = linkage_tables(*frames, conditions_of(BAND), None)
    plan = tables.candidates(tables.known_blocks())._jdf.queryExecution().toString()
    crossed = [name for name in ("CartesianProduct", "BroadcastNestedLoopJoin") if name in plan]
    print(f"joins of all rows with all in Spark's plan: {crossed or 'none'}", flush=True)
    return linkage(rows, lambda path: session.read.parquet(str(path)), "Spark") and not crossed


def main() -> int:
    """Run the parts that were asked for; return 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = ["pycanon", "classes", "guide", "linkage", "levels"]
    parser.add_argument("parts", nargs="*", default=parts)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows, repeats = options.rows, options.repeats
    runs: dict[str, Callable[[], bool]] = {
        "pycanon": pycanon,
        "classes": lambda: classes(rows, repeats),
        "guide": lambda: guide(repeats),
        "linkage": lambda: linkage(rows, lambda path: duckdb.read_parquet(str(path)), "local"),
        "levels": lambda: levels(rows),
        "spark": lambda: spark(rows),
        "spark_linkage": lambda: spark_linkage(rows),
    }
    good = True
    for part in options.parts:
        good &= runs[part]()
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
