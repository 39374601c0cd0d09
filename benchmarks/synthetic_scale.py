"""What counting and sampling take at 1, 5 and 10 million rows: CPU seconds and peak memory.

    python benchmarks/synthetic_scale.py                 # all
    python benchmarks/synthetic_scale.py --rows 1000000  # a tenth of the rows

Each measurement is a process of its own. The CPU is that of the process and of the workers that it
starts, without imports; the peak is the resident memory of the process, with imports and DuckDB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from rai_scale import read_table
from rai_scale.engines import engine_named
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.synthetic import Synthesizer, Values
from rai_scale.synthetic.counting import check_frame, exact_marginals
from rai_scale.synthetic.domain import Domain, declare
from rai_scale.synthetic.measuring import Session
from rai_scale.synthetic.packing import CELL, CELLS, CountCells, Layout

SIZES = [10, 2, 7, 4, 9, 11, 11, 11, 11, 10, 10, 9, 9, 2]
NAMES = [f"x{i}" for i in range(len(SIZES))]
PAIRS = list(combinations(range(len(SIZES)), 2))
RATIO, GROWTH, FARTHEST = 1.5, 2.0, 6.0


def domain() -> Domain:
    listed = zip(NAMES, SIZES, strict=True)
    return declare(None, {name: Values(range(size), nullable=False) for name, size in listed})


def write(rows: int, path: str) -> None:
    columns = ", ".join(
        f"(hash(i * 31 + {k}) % {size})::INT AS {NAMES[k]}" for k, size in enumerate(SIZES)
    )
    data = duckdb.sql(f"SELECT i AS person, {columns} FROM range({rows}) AS t(i)")
    data.write_parquet(path)


def bare(path: str) -> int:
    """Group by each pair of codes; nobody's rows are bounded."""
    connection = duckdb.connect()
    query = "SELECT {}, {}, count(*) AS n FROM '{}' GROUP BY ALL"
    found = [connection.sql(query.format(NAMES[i], NAMES[j], path)).fetchall() for i, j in PAIRS]
    return min(sum(row[2] for row in one) for one in found)


def count(path: str) -> int:
    """Code the values, keep one row per person and count each pair."""
    engine = engine_named("local")
    frame = check_frame(engine, read_table(path), domain(), "person")
    found = exact_marginals(engine, frame, domain(), PAIRS, unit="person", max_rows=1, seed=1)
    return min(int(table.sum()) for table in found.values())


def measured(part: str, path: str) -> dict[str, float]:
    """Run a part in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--part", part, "--path", path], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def run(part: str, path: str) -> dict[str, float]:
    start, clock = time.process_time(), time.perf_counter()
    rows = {"bare": bare, "count": count}[part](path)
    return {
        "rows": rows,
        "cpu": time.process_time() - start,
        "seconds": time.perf_counter() - clock,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def counting(most: int) -> bool:
    print(
        "| rows | 91 bare group-bys, CPU | coded, bounded, counted, CPU | ratio | seconds | MiB |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    good, peaks = True, []
    for rows in (most // 10, most // 2, most):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "t.parquet")
            write(rows, path)
            peer, own = measured("bare", path), measured("count", path)
        ratio = own["cpu"] / peer["cpu"]
        peaks.append(own["peak"])
        good &= peer["rows"] == own["rows"] == rows
        print(
            f"| {rows:,} | {peer['cpu']:.2f} | {own['cpu']:.2f} | {ratio:.2f} | "
            f"{own['seconds']:.1f} | {own['peak']:.0f} |",
            flush=True,
        )
    return good and ratio <= RATIO and peaks[-1] <= GROWTH * peaks[0]


@dataclass(frozen=True)
class CountSample:
    """Table function: the cells of a batch of a sample, and a hash of the batch below 0."""

    domain: Domain
    count: CountCells

    def __call__(self, table: pa.Table) -> pa.Table:
        layout = self.count.layout
        codes = [one.codes(table[name]) for name, one in self.domain.columns]
        words = layout.packed(codes)
        found = self.count(pa.table(words, names=layout.words))
        key = np.uint64(0)
        for word in words:
            places = np.arange(1, len(word) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            key += ((word.view(np.uint64) + places) * (places | np.uint64(1))).sum()
        block = pa.table([[-1 - int(key >> np.uint64(2))], [1]], schema=CELLS)
        return pa.concat_tables([found, block])


def model() -> Synthesizer:
    """Fit a chain of noisy pairs of 14 columns."""
    rng = np.random.default_rng(0)
    chain = [(i, i + 1) for i in range(len(SIZES) - 1)]
    counts = {c: rng.integers(0, 500, domain().shape(c)) for c in chain}
    session = Session(domain(), Fraction(1), 1, counts)
    session.measure(chain, Fraction(1))
    return Synthesizer(domain(), tuple(session.measured))


def sampling(rows: int) -> bool:
    """Draw rows in Dask's workers; compare all pairs with the model, and blocks with each other."""
    from distributed import get_client

    from rai_scale.engines.dask import job_client

    made, engine = model(), engine_named("dask")
    expected = [made.tree.project(pair) for pair in PAIRS]
    with job_client(None):
        like = engine.from_arrow(pa.table({"a": [1]}))
        start = time.perf_counter()
        sample = made.sample(rows, like=like)
        function = CountSample(domain(), CountCells(Layout(domain().sizes), PAIRS))
        counted = engine.map_partitions(sample, function, CELLS, label="sample")
        totals = f"SELECT {CELL}, sum(n)::BIGINT AS n FROM {SQL_ROWS} GROUP BY {CELL}"
        table = engine.aggregate_sql(
            counted, f"SELECT {CELL}, n FROM {SQL_DATA}", totals, keys=[CELL]
        )
        seconds = time.perf_counter() - start
        used = get_client().run(lambda: resource.getrusage(resource.RUSAGE_SELF))
    cells, n = table[CELL].to_numpy(), table["n"].to_numpy()
    share = np.concatenate([p.reshape(-1) / p.sum() for p in expected])
    found = np.zeros(len(share))
    found[cells[cells >= 0]] = n[cells >= 0]
    spread = np.sqrt(np.maximum(rows * share * (1 - share), 1))
    farthest = float(np.max(np.abs(found - rows * share) / spread))
    blocks = n[cells < 0]
    cpu = sum(one.ru_utime + one.ru_stime for one in used.values())
    peak = max(one.ru_maxrss for one in used.values()) / 1024
    print(
        f"\n{rows:,} rows x {len(SIZES)} columns drawn and counted in {len(used)} Dask workers: "
        f"{seconds:.0f} s, {cpu:.0f} s CPU with imports, at most {peak:.0f} MiB per worker. "
        f"Farthest of {len(share):,} cells of pairs: {farthest:.1f} standard errors. "
        f"{len(blocks):,} blocks, {int((blocks > 1).sum())} drawn twice."
    )
    once = bool((blocks == 1).all()) and found[: SIZES[0] * SIZES[1]].sum() == rows
    return once and farthest <= FARTHEST


def main() -> int:
    """Run both parts; return 1 if a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--part", choices=["bare", "count"], help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.part:
        print(json.dumps(run(options.part, options.path)))
        return 0
    good = counting(options.rows)
    return int(not (sampling(options.rows) and good))


if __name__ == "__main__":
    sys.exit(main())
