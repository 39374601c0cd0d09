"""CPU seconds of scanning many small tables, and of reading them with pyarrow; same files, one run.

    python benchmarks/small_tables.py --tables 2000 --rows 100

Each contender is a process of its own; CPU seconds are user and system time of it and of the
processes that it started, from after it has done the same with two files, so that importing
packages and loading a language model are not counted. pyarrow reads file by file with
``pyarrow.csv.read_csv``, ``pyarrow.parquet.read_table`` and ``pyarrow.json.read_json``.

``rai_scale.scan`` lists, opens, reads, samples, analyses and judges. The analysis of values is
measured apart: it is the CPU time of the thread inside of ``ScanValues._column``, which receives
the rows of a column after they were read and sampled. The ratio is that of all other CPU time of
the scan to that of pyarrow. The engine has one worker, which is the process itself, because the
analysis in other processes could not be measured apart.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

READERS = {
    "csv": pyarrow.csv.read_csv,
    "parquet": pyarrow.parquet.read_table,
    "jsonl": pyarrow.json.read_json,
}
TARGETS = {"tables": 3.0, "parts": 2.0}
WORDS = ("north", "south", "east", "west", "open", "closed")


def rows_of(number: int, rows: int) -> pa.Table:
    """Return a table of small numbers and a few words, whose analysis is cheap."""
    rng = Random(number)
    return pa.table(
        {
            "quantity": pa.array([rng.randrange(40) for _ in range(rows)]),
            "price": pa.array([rng.randrange(40) / 4 for _ in range(rows)]),
            "level": pa.array([rng.randrange(5) for _ in range(rows)]),
            "region": pa.array([rng.choice(WORDS[:4]) for _ in range(rows)]),
            "state": pa.array([rng.choice(WORDS[4:]) for _ in range(rows)]),
            "active": pa.array([rng.random() < 0.5 for _ in range(rows)]),
        }
    )


def write(table: pa.Table, path: Path) -> None:
    """Write a file in the format of its name."""
    if path.suffix == ".csv":
        table.to_pandas().to_csv(path, index=False)
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


def make_lake(folder: Path, layout: str, format: str, tables: int, rows: int) -> None:
    """Write ``tables`` files: tables with names of letters, or numbered parts of one table."""
    folder.mkdir(parents=True)
    for number in range(tables):
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:05d}")
        name = f"t_{letters}" if layout == "tables" else f"part-{number:05d}"
        write(rows_of(number, rows), folder / f"{name}.{format}")


def cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def read_with_pyarrow(folder: Path, warm: Path, format: str) -> dict[str, Any]:
    """Read every file once; returns CPU seconds and rows."""
    reader = READERS[format]
    for path in sorted(warm.iterdir()):
        reader(path)
    started = cpu()
    rows = sum(reader(path).num_rows for path in sorted(folder.iterdir()))
    return {"seconds": cpu() - started, "rows": rows}


def scan(folder: Path, warm: Path, model: str) -> dict[str, Any]:
    """Scan the lake once; returns CPU seconds, those of the analysis, and rows."""
    os.environ["RAI_SCALE_LOCAL_WORKERS"] = "1"
    import rai_scale
    from rai_scale.pii.scanning.value_counts import ScanValues

    analysed = [0.0]
    column = ScanValues._column

    def timed(*arguments: Any) -> None:
        started = time.thread_time()
        column(*arguments)
        analysed[0] += time.thread_time() - started

    rai_scale.scan(warm, model=model)
    ScanValues._column = timed  # type: ignore[method-assign]
    started = cpu()
    result = rai_scale.scan(folder, model=model)
    total = cpu() - started
    if result.unread():
        sys.exit("files were not read")
    found = {"tables": len(result.tables), "rows": sum(t.rows or 0 for t in result.tables)}
    return {"seconds": total - analysed[0], "analysis": analysed[0], **found}


def run(contender: str, *arguments: str) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--contender", contender, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(tables: int, rows: int, formats: list[str], model: str) -> bool:
    """Print a line per layout and format; returns whether all targets are met."""
    print(f"{tables:,} files of {rows:,} rows, CPU seconds; {os.cpu_count()} cores")
    print("layout  format    pyarrow  listing, reading, sampling  ratio  target  (analysis)")
    met = True
    with tempfile.TemporaryDirectory() as folder:
        for layout, target in TARGETS.items():
            for format in formats:
                lake = Path(folder) / layout / format
                warm = Path(folder) / "warm" / layout / format
                make_lake(lake, layout, format, tables, rows)
                make_lake(warm, layout, format, 2, rows)
                bare = run("pyarrow", str(lake), str(warm), format)
                ours = run("scan", str(lake), str(warm), model)
                if bare["rows"] != ours["rows"]:
                    sys.exit(f"{layout} {format}: {ours['rows']} rows instead of {bare['rows']}")
                if ours["tables"] != (tables if layout == "tables" else 1):
                    sys.exit(f"{layout} {format}: {ours['tables']} tables")
                ratio = ours["seconds"] / bare["seconds"]
                met = met and ratio <= target
                print(
                    f"{layout:7} {format:8} {bare['seconds']:8.2f} {ours['seconds']:27.2f} "
                    f"{ratio:6.2f} {target:7.1f}  ({ours['analysis']:.2f})"
                )
    return met


def main() -> None:
    """Compare, or run one contender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--formats", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--model", default="en_core_web_lg", help="spaCy model of the analysis")
    parser.add_argument("--contender", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender is None:
        met = compare(given.tables, given.rows, given.formats, given.model)
        sys.exit(0 if met else "a target is missed")
    name, lake, warm, option = given.contender
    run_one = {"scan": scan, "pyarrow": read_with_pyarrow}[name]
    print(json.dumps(run_one(Path(lake), Path(warm), option)))


if __name__ == "__main__":
    main()
