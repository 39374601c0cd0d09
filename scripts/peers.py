"""Ask other packages the questions that this one answers, each in an environment of its own.

    .venv/bin/python scripts/peers.py             # ask, and compare with the recorded answers
    .venv/bin/python scripts/peers.py --record    # ask, and record the answers

``tests/peers/ask_NAME.py`` asks one package and prints JSON. Its environment is made under
``out/peers`` from ``requirements/peers/NAME.lock``, which has hashes, and from nothing else. The
recorded answers are in ``tests/peers/answers.json``; ``tests/peers/test_peers.py`` compares them
with this package's. A lock is made by ``uv pip compile requirements/peers/NAME.in --universal
--python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o ...NAME.lock``.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = ROOT / "tests" / "peers" / "answers.json"
NEAR = 1e-12


def environment(name: str) -> Path:
    """Return the Python of a package's environment, made there if it is missing."""
    folder = ROOT / "out" / "peers" / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        lock = ROOT / "requirements" / "peers" / f"{name}.lock"
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)  # noqa: S603
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*install, "-r", str(lock)], check=True)  # noqa: S603
        (folder / "ready").touch()
    return python


def ask(name: str) -> dict[str, Any]:
    """Return the version of a package, its answers and the date."""
    script = ROOT / "tests" / "peers" / f"ask_{name}.py"
    done = subprocess.run(  # noqa: S603
        [str(environment(name)), str(script)], stdout=subprocess.PIPE, text=True, check=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    return {"date": datetime.date.today().isoformat(), **said}


def main() -> int:
    """Ask all packages; return 1 if an answer is not the recorded one."""
    names = sorted(path.stem.removeprefix("ask_") for path in ANSWERS.parent.glob("ask_*.py"))
    found = {name: ask(name) for name in names}
    if "--record" in sys.argv:
        ANSWERS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    recorded = json.loads(ANSWERS.read_text(encoding="utf-8"))
    same = True
    print("| package | question | answer | recorded |\n| --- | --- | ---: | --- |")
    for name, said in found.items():
        before = recorded.get(name, {"answers": {}, "date": "never"})
        for question, answer in said["answers"].items():
            equal = abs(before["answers"].get(question, float("inf")) - answer) <= NEAR
            same &= equal
            note = f"the same on {before['date']}" if equal else "DIFFERS"
            print(f"| {name} {said['version']} | {question} | {answer:.12g} | {note} |")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
