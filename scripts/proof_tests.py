"""Run the tests that are too long for CI (marked ``proof``) and print a table of their results.

.venv/bin/python scripts/proof_tests.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_tests(python: str, *arguments: str) -> int:
    """Print a table of the tests; return 1 if one failed or did not run."""
    command = [python, "-m", "pytest", "-o", "addopts=", "-o", "timeout=0", "-v"]
    done = subprocess.run(  # noqa: S603
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print("| test | result |\n| --- | --- |")
    found = re.findall(r"::(\w+\S*) (PASSED|FAILED|ERROR|SKIPPED)", done.stdout)
    for test, result in found:
        print(f"| {test.replace('_', ' ')} | {result.lower()} |")
    if done.returncode:
        sys.stderr.write(done.stdout[-8000:])
    return int(done.returncode != 0 or {result for _, result in found} != {"PASSED"})


if __name__ == "__main__":
    sys.exit(run_tests(sys.executable, "-m", "proof", "tests"))
