"""Repeat what is too long for CI and write the results, with their dates, into docs/proof.md.

    .venv/bin/python scripts/proof.py                  # all parts; takes hours
    .venv/bin/python scripts/proof.py mutants spark    # these only

A part replaces its own section; the sections of the others stay as they are.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "proof.md"
PARTS = {
    "mutants": ["scripts/mutants.py", "--full"],
    "peers": ["scripts/peers.py"],
    "redaction": ["-m", "tests.capabilities.redaction_parity"],
    "nlp": ["scripts/nlp_engines.py"],
    "risk": ["-m", "tests.capabilities.risk_simulations"],
    "personalization": ["-m", "tests.capabilities.personalization_simulations"],
    "gates": ["benchmarks/gate_power.py"],
    "private": ["benchmarks/private_fairness.py"],
    "reviews": ["scripts/review_coverage.py"],
    "scan": ["scripts/scan_claims.py"],
    "errors": ["scripts/error_claims.py"],
    "large": ["scripts/proof_tests.py"],
    "synthetic": ["benchmarks/synthetic.py"],
    "spark": ["scripts/spark_smoke.py"],
}
"""The command of each part; its output is Markdown."""


def run(part: str) -> tuple[str, bool]:
    """Return what a part prints, with its date, and whether it succeeded."""
    command = PARTS[part]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    done = subprocess.run(  # noqa: S603
        [sys.executable, *command],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    minutes = (time.monotonic() - start) / 60
    head = (
        f"`python {' '.join(command)}`, {datetime.date.today().isoformat()}, {minutes:.0f} minutes"
    )
    ended = f"{head}, exit code {done.returncode}.\n\n{done.stdout.strip()}\n"
    return ended, done.returncode == 0


def replaced(page: str, part: str, text: str) -> str:
    """Return the page with the results of a part between its two comments."""
    between = re.compile(f"(<!-- {part} -->\n).*?(<!-- end of {part} -->)", re.DOTALL)
    if not between.search(page):
        raise SystemExit(f"proof: {PAGE.name} has no place for {part!r}")
    return between.sub(lambda found: f"{found[1]}{text}{found[2]}", page)


def main() -> int:
    """Run the parts that were asked for; return 1 if one failed."""
    asked = sys.argv[1:] or list(PARTS)
    unknown = set(asked) - set(PARTS)
    if unknown:
        raise SystemExit(f"proof: unknown {sorted(unknown)}; choose from {', '.join(PARTS)}")
    good = True
    for part in asked:
        text, passed = run(part)
        PAGE.write_text(replaced(PAGE.read_text("utf-8"), part, text), "utf-8")
        print(f"proof: {part}: {'passed' if passed else 'FAILED'}", flush=True)
        good &= passed
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
