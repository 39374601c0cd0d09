"""Put faults into a copy of the package, one at a time, and see which tests find them.

    .venv/bin/python scripts/mutants.py                 # the tests of `make test`
    .venv/bin/python scripts/mutants.py --full          # then all tests, for those that these miss
    .venv/bin/python scripts/mutants.py --only wilson   # mutants whose name or file holds a text

``scripts/mutants.toml`` lists the faults. The tests that most likely find one run first, once also
without any fault, and the run of a mutant ends with the first test that fails. Prints a Markdown
table. Exits with 1 where a mutant survives, and with 2 where one cannot be applied because the code
has changed, or where tests fail without a fault.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
NO_TESTS = 5
STAGES = {
    "its own tests": "not full and not spark",
    "make test": "not full and (not spark or smoke)",
    "make test-full": "not proof and (full or (spark and not smoke))",
}


@dataclass(frozen=True)
class Mutant:
    """A fault: in ``file``, ``old`` becomes ``new``; the tests ``first`` should find it."""

    name: str
    file: str
    old: str
    new: str
    first: str

    def check(self, root: Path) -> str | None:
        """Return why it cannot be applied, or None."""
        path = root / self.file
        found = path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0
        gone = [test for test in self.first.split() if not (root / test).exists()]
        if found != 1:
            return f"{self.name}: {self.file} holds the old text {found} times; once is needed"
        return f"{self.name}: {', '.join(gone)} not found" if gone else None

    def apply(self, root: Path) -> str:
        """Write the fault into a copy; return the content that was there."""
        path = root / self.file
        before = path.read_text(encoding="utf-8")
        path.write_text(before.replace(self.old, self.new), encoding="utf-8")
        return before


def read_mutants(only: str = "") -> list[Mutant]:
    """Return the mutants of the list whose name or file holds a text."""
    with (ROOT / "scripts" / "mutants.toml").open("rb") as file:
        found = [Mutant(**fields) for fields in tomllib.load(file)["mutant"]]
    return [mutant for mutant in found if only in mutant.name or only in mutant.file]


def copy_of_project(folder: Path) -> Path:
    """Copy the files that git knows, as they are now."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run_tests(root: Path, marks: str, paths: list[str], workers: int) -> tuple[bool, str]:
    """Return whether the tests passed, and the first that did not."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE", "-m", marks, *paths]
    command += ["--ignore=tests/unit/test_mutants.py"]  # it would find each of them
    if workers > 1 and len(paths) != 1:
        command += ["-n", str(workers), "--dist", "loadgroup", "--no-loadscope-reorder"]
    env = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    found = FIRST_FAILURE.search(done.stdout)
    if done.returncode not in (0, NO_TESTS) and not found:
        raise SystemExit(
            f"mutants: pytest itself failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return found is None, found.group(1).partition("@")[0] if found else ""


def judge(mutant: Mutant, root: Path, stages: list[str], workers: int) -> tuple[str, str]:
    """Return which stage found a mutant, or ``survived``, and the test that did."""
    before = mutant.apply(root)
    try:
        for stage in stages:
            paths = mutant.first.split() if stage == "its own tests" else []
            passed, test = run_tests(root, STAGES[stage], paths, workers)
            if not passed:
                return ("make test" if paths else stage), test
    finally:
        (root / mutant.file).write_text(before, encoding="utf-8")
    return "survived", ""


def rows(mutants: list[Mutant], stages: list[str], workers: int) -> Iterator[tuple[str, str]]:
    """Judge each mutant; yield the stage that found it, and its row of the table."""
    with tempfile.TemporaryDirectory() as name:
        root = copy_of_project(Path(name))
        paths = sorted({test for mutant in mutants for test in mutant.first.split()})
        passed, test = run_tests(root, STAGES[stages[0]], paths, workers)
        if not passed:
            print(f"mutants: {test} fails without a fault", file=sys.stderr)
            sys.exit(2)
        for mutant in mutants:
            start = time.monotonic()
            stage, test = judge(mutant, root, stages, workers)
            seconds = round(time.monotonic() - start)
            found = f"`{test}`" if test else ""
            room = mutant.file.removeprefix("rai_scale/")
            yield stage, f"| {mutant.name} | `{room}` | {stage} | {found} | {seconds} |"


def main() -> int:
    """Run the mutants that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="all tests, where `make test` misses")
    parser.add_argument("--quick", action="store_true", help="the tests named by each mutant alone")
    parser.add_argument("--only", default="", help="a text in the name or the file of mutants")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    mutants = read_mutants(asked.only)
    wrong = [problem for mutant in mutants if (problem := mutant.check(ROOT))]
    if wrong:
        print(
            "mutants: bring scripts/mutants.toml up to date:", *wrong, sep="\n  ", file=sys.stderr
        )
        return 2
    stages = list(STAGES)[: 1 if asked.quick else 3 if asked.full else 2]
    print(f"Run on {datetime.date.today().isoformat()}.\n")
    print("| mutant | file | found by | first failing test | seconds |")
    print("| --- | --- | --- | --- | ---: |")
    counts: dict[str, int] = {}
    for stage, row in rows(mutants, stages, asked.workers):
        counts[stage] = counts.get(stage, 0) + 1
        print(row, flush=True)
    print("\n" + ", ".join(f"{stage}: {count}" for stage, count in sorted(counts.items())))
    return int("survived" in counts)


if __name__ == "__main__":
    sys.exit(main())
