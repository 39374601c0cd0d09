"""The error tree against the engine's own GROUP BYs of three levels, and its memory; one run.

    python benchmarks/error_analysis.py --rows 50000000 --small-rows 5000000 --repeats 3
    python benchmarks/error_analysis.py --rows 5000000 --engine spark

The table has 12 features of at most 10,000 values, as Parquet. The bare GROUP BYs count rows and
errors of each feature, for the nodes of a tree that is known before: 1, 2 and 4. Each contender
runs in a process of its own, in turns, so that its peak memory is its own. Medians of wall-clock
seconds, and of the CPU time of the process, on Spark with its JVM but without its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from rai_scale import read_table
from rai_scale.error_analysis import error_tree

FEATURES = [f"x{number}" for number in range(12)]
VALUES = [2, 5, 10, 50, 100, 500, 1000, 2000, 4000, 6000, 8000, 10_000]
NODES = [
    "",
    "CASE WHEN x3 <= 9.5 THEN 0 ELSE 1 END",
    "CASE WHEN x3 <= 9.5 THEN CASE WHEN x6 <= 700.5 THEN 0 ELSE 1 END "
    "ELSE CASE WHEN x9 <= 1999.5 THEN 2 ELSE 3 END END",
]
"""The node of a row in each level; one node in the first."""


def make(path: Path, rows: int) -> None:
    """Write the table; errors depend on three of its features."""
    columns = ", ".join(
        f"CAST(hash(i * 16 + {at}) % {values} AS DOUBLE) AS x{at}"
        for at, values in enumerate(VALUES)
    )
    share = "5 + 20 * (x3 < 10)::INT + 15 * (x6 > 700 AND x9 < 2000)::INT"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT *, 0 AS y, "
            f"(hash(x3 + x6 * 7 + x9 * 13 + x11) % 100 < {share})::INT AS p "
            f"FROM (SELECT {columns} FROM range({rows}) t(i))) TO '{path}' (FORMAT parquet)"
        )


def tree_on(path: str, engine: str) -> int:
    """Grow the tree; return its nodes."""
    return len(error_tree(opened(path, engine), y_true="y", y_pred="p").tree)


def bare_on(path: str, engine: str) -> int:
    """Run the GROUP BYs; return the number of groups."""
    groups = 0
    frame = opened(path, engine)
    for node in NODES:
        for name in FEATURES:
            keys = [name, "n"] if node else [name]
            if engine == "spark":
                new = [f"{node} AS n"] if node else []
                found = frame.selectExpr(name, "CAST(y <> p AS BIGINT) AS e", *new).groupBy(*keys)
                groups += len(found.agg({"*": "count", "e": "sum"}).toPandas())
            else:
                rows = frame.project(f"*, {node} AS n") if node else frame
                counts = ", ".join([*keys, "count(*)", "sum((y <> p)::INT)"])
                groups += rows.aggregate(counts, ", ".join(keys)).to_arrow_table().num_rows
    return groups


def opened(path: str, engine: str):
    """Return the table as a lazy frame of an engine."""
    if engine == "local":
        return read_table(path)
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    return session.config("spark.sql.shuffle.partitions", "2").getOrCreate().read.parquet(path)


def jvm_seconds() -> float:
    """Return the CPU time of Spark's JVM."""
    from pyspark import SparkContext

    stat = Path(f"/proc/{SparkContext._gateway.proc.pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def timed(contender: str, path: Path, engine: str) -> dict[str, float]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--run", contender, "--path", str(path)]
    done = subprocess.run(
        [*command, "--engine", engine], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def run(contender: str, path: str, engine: str) -> None:
    """Print seconds, result and peak memory of one contender."""
    start = time.perf_counter()
    found = {"tree": tree_on, "bare": bare_on}[contender](path, engine)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime + (jvm_seconds() if engine == "spark" else 0)
    peak = used.ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "found": found, "mb": peak}))


def main() -> None:
    """Make the tables, run the contenders in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--small-rows", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engine", choices=["local", "spark"], default="local")
    parser.add_argument("--run")
    parser.add_argument("--path")
    asked = parser.parse_args()
    if asked.run:
        run(asked.run, asked.path, asked.engine)
        return
    print("| rows | engine | contender | seconds | CPU s | peak MB |")
    print("| ---: | --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for rows in dict.fromkeys([asked.small_rows or asked.rows, asked.rows]):
            path = Path(folder) / f"{rows}.parquet"
            make(path, rows)
            turns = [
                {name: timed(name, path, asked.engine) for name in ("bare", "tree")}
                for _ in range(asked.repeats)
            ]
            for name in ("bare", "tree"):
                numbers = [statistics.median(t[name][k] for t in turns) for k in ("seconds", "cpu")]
                peak = max(turn[name]["mb"] for turn in turns)
                shown = " | ".join(f"{number:.2f}" for number in numbers)
                print(f"| {rows:,} | {asked.engine} | {name} | {shown} | {peak:,.0f} |")
            ratios = [
                statistics.median(t["tree"][k] / t["bare"][k] for t in turns)
                for k in ("seconds", "cpu")
            ]
            shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"| {rows:,} | {asked.engine} | tree / bare | {shown} | |", flush=True)


if __name__ == "__main__":
    main()
