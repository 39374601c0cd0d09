"""How often a run of a scan makes a wrong claim, by simulation; the output is Markdown.

    nice -n 10 .venv/bin/python scripts/scan_claims.py                  # 1,000 runs: minutes
    .venv/bin/python scripts/scan_claims.py --runs 20 --columns 50      # a quick look

A table has 10,000,000 rows in 1,000 files. Rows are drawn, rounds planned and claims made by the
package's own code; only the recognizers are left out: which rows hold what is known. A run is wrong
if any of its claims is: a share outside of its bounds, or a type without hits in more rows than
claimed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from rai_scale.pii.scanning.claims import VALUES, TableClaims
from rai_scale.pii.scanning.guarantee import Guarantee, rounds
from rai_scale.pii.scanning.parts import BY_CONTENT, BY_POSITION, Counted, ScannedPart
from rai_scale.pii.scanning.row_priority import LEVELS, Position, cut
from rai_scale.pii.scanning.sampling import row_hashes
from rai_scale.statistics.exact_intervals import clopper_pearson
from rai_scale.statistics.row_sample import priorities
from rai_scale.tables.readers.row_numbers import FILE, ROW

FILES, CONTENTS, TYPE = 1_000, 20_000, "EMAIL_ADDRESS"
SHARES = (0.0, 0.0002, 0.0005, 0.0008, 0.001, 0.0012, 0.002, 0.01, 0.05, 0.2, 0.5, 0.9, 1.0)
GUARANTEE = Guarantee()
Hits = Callable[[np.ndarray], np.ndarray]
"""From the drawn rows to the number of hits per column."""


@dataclass(frozen=True)
class Case:
    """A table: the share of hits per column, and which rows hold them."""

    name: str
    rule: str
    true: np.ndarray
    hits: Hits


class Outcome(NamedTuple):
    """Whether all claims of a run hold, the rows that were analysed, and claims without bounds."""

    holds: bool
    rows: int
    open: int


def main() -> int:
    """Simulate the runs and print the table; return 1 if a case misses its bar."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--columns", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    asked = parser.parse_args()
    one = partial(simulate, columns=asked.columns, rows=asked.rows)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = list(pool.map(one, range(asked.runs), chunksize=5))
    print(f"{asked.runs:,} runs of {asked.columns:,} columns over {asked.rows:,} rows.\n")
    print("| hits | runs in which all claims hold | 99 % interval | most rows | no claim |")
    print("| --- | ---: | ---: | ---: | ---: |")
    good = True
    for name in found[0][0]:
        outcomes = [cases[name] for cases, _ in found]
        held = sum(outcome.holds for outcome in outcomes)
        low, high = clopper_pearson(held, len(outcomes), 0.99)
        good &= high >= GUARANTEE.confidence
        most = max(outcome.rows for outcome in outcomes)
        share = f"{held / len(outcomes):.1%} | {low:.1%} to {high:.1%}"
        print(f"| {name} | {share} | {most:,} | {sum(o.open for o in outcomes):,} |")
    blocks, alone = (np.mean([missed[i] for _, missed in found]) for i in (0, 1))
    print(
        "\n3,000 rows, hits in 0.1 % of the rows in blocks of 100: rows read in blocks miss all "
        f"hits in {blocks:.0%} of the runs, rows drawn one by one in {alone:.0%}."
    )
    return int(not good)


def simulate(seed: int, columns: int, rows: int) -> tuple[dict[str, Outcome], tuple[bool, bool]]:
    """Return the outcome of each case, and whether hits in blocks were missed (see above)."""
    drawn, counts = drawn_rows(seed, rows, columns)
    found = {}
    for case in cases(columns, rows):
        take = partial(_by_position, drawn, counts)
        if case.rule == BY_CONTENT:
            take = partial(_by_content, seed, rows)
        found[case.name] = outcome(case, take, rows)
    return found, _missed(seed, *_by_position(drawn, counts, 3_000), rows)


def outcome(case: Case, take: Callable[[int], tuple[np.ndarray]], total: int) -> Outcome:
    """Go through the rounds of a table, and compare the claims with the truth."""
    names = [f"c{i}" for i in range(len(case.true))]
    alpha = GUARANTEE.part_alpha(tables=1)
    for end, spent in rounds(total, alpha, len(names), 1, GUARANTEE):
        (rows,) = take(end)
        counts = _counted(names, case.hits(rows), len(rows))
        part = ScannedPart((), total, len(rows), case.rule, spent, None, False, counts)
        claims = TableClaims([part], names, [TYPE], GUARANTEE)
        if claims.all_hold():
            break
    bounds = [claims.estimate(name, name, TYPE) for name in names]
    slack = 1e-12  # a bound may be the truth itself, which is rounded
    holds = all(
        b.low - slack <= true <= b.high + slack for b, true in zip(bounds, case.true, strict=True)
    )
    return Outcome(holds, len(rows), sum(claims.claim(b) is None for b in bounds))


def _counted(names: list[str], hits: np.ndarray, rows: int) -> Counted:
    return {
        (name, name): {VALUES: (rows, 0.0), **({TYPE: (int(n), float(n))} if n else {})}
        for name, n in zip(names, hits, strict=True)
    }


@cache
def _places(rows: int) -> list[pa.Table]:
    """Return where all rows are, in tables of 20 files."""
    per_file, tables = rows // FILES, []
    names = pa.array([f"part-{i:05d}.parquet" for i in range(FILES)])
    for start in range(0, FILES, 20):
        files = np.repeat(np.arange(start, start + 20, dtype=np.int32), per_file)
        column = pa.DictionaryArray.from_arrays(pa.array(files - start), names.slice(start, 20))
        tables.append(pa.table({FILE: column, ROW: np.tile(np.arange(per_file), 20)}))
    return tables


def drawn_rows(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (number, level) of the rows of the largest sample, and the rows per level."""
    position, counts, found = Position(seed), np.zeros(LEVELS, dtype=np.int64), []
    most = rounds(rows, GUARANTEE.part_alpha(1), columns, 1, GUARANTEE)[-1].rows
    bound = LEVELS
    for number, table in enumerate(_places(rows)):
        levels = position.levels(table)
        counts += np.bincount(levels, minlength=LEVELS)
        kept = np.flatnonzero(levels < bound)
        found.append(np.stack([kept + number * table.num_rows, levels[kept]]))
        bound = cut(counts, most) if counts.sum() > most else LEVELS
    return np.concatenate(found, axis=1), counts


def _by_position(drawn: np.ndarray, counts: np.ndarray, rows: int) -> tuple[np.ndarray]:
    return (drawn[0, drawn[1] < cut(counts, rows)],)


def _by_content(seed: int, total: int, rows: int) -> tuple[np.ndarray]:
    """Return the contents of the rows that are drawn by content and copy number."""
    contents, copies = _contents(total)
    limit = -np.log1p(-(rows + 6 * np.sqrt(rows) + 20) / total)
    at, order = priorities(row_hashes(contents, seed), copies, limit)
    return (at[np.argsort(order, kind="stable")][:rows],)


@cache
def _contents(total: int) -> tuple[pa.Table, np.ndarray]:
    """Return distinct contents sorted by their hash, and how often each is repeated."""
    weights = 1 / np.arange(1, CONTENTS + 1)
    copies = np.floor(weights / weights.sum() * total).astype(np.int64) + 1
    copies[0] += total - copies.sum()
    return pa.table({"id": np.arange(CONTENTS)}), copies


@cache
def cases(columns: int, rows: int) -> tuple[Case, ...]:
    """Return the tables that are scanned."""
    at = np.arange(columns)
    shares = np.array(SHARES)[at % len(SHARES)] * (1 - 0.2 * (at // len(SHARES) % 5) / 5)
    factors = 10 * (7919 * at % 900_001) + 7  # coprime to powers of ten
    inside = np.round(shares * rows).astype(np.int64)

    def spread(drawn: np.ndarray) -> np.ndarray:
        return np.array(
            [((drawn * f) % rows < k).sum() for f, k in zip(factors, inside, strict=True)]
        )

    per_file = rows // FILES
    few = np.round(np.minimum(shares, 1 / FILES) * rows).astype(np.int64)

    def one_file(drawn: np.ndarray) -> np.ndarray:
        file, row = drawn // per_file, drawn % per_file
        pairs = zip(at % FILES, few, strict=True)
        return np.array([((file == f) & (row < k)).sum() for f, k in pairs])

    copies = _contents(rows)[1]
    marks = np.argsort((np.arange(CONTENTS) * 7919 + 5_000) % CONTENTS)  # contents in another order
    totals = np.cumsum(copies[marks])
    ends = np.searchsorted(totals, shares * rows, side="right")
    place = np.empty(CONTENTS, dtype=np.int64)
    place[marks] = np.arange(CONTENTS)
    repeated_true = np.where(ends, totals[np.maximum(ends - 1, 0)], 0) / rows

    def repeated(drawn: np.ndarray) -> np.ndarray:
        where = np.sort(place[drawn])
        return np.searchsorted(where, ends)

    return (
        Case("anywhere", BY_POSITION, inside / rows, spread),
        Case("all in one file of 1,000", BY_POSITION, few / rows, one_file),
        Case("in repeated rows", BY_CONTENT, repeated_true, repeated),
    )


def _missed(seed: int, drawn: np.ndarray, rows: int) -> tuple[bool, bool]:
    """Return whether 30 blocks of 100 rows miss all hits in blocks, and whether ``drawn`` does."""
    random = np.random.default_rng(seed)
    blocks = rows // 100
    holding = random.choice(blocks, blocks // 1_000, replace=False)
    read = random.choice(blocks, 30, replace=False)
    return not np.isin(read, holding).any(), not np.isin(drawn // 100, holding).any()


if __name__ == "__main__":
    sys.exit(main())
