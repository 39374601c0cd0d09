"""Run the tests of the NLP engines that need PyTorch, in an environment of their own.

    .venv/bin/python scripts/nlp_engines.py

The environment, ``out/nlp_engines``, sees the packages of the one that runs this script, and adds
those of ``requirements/nlp_engines.txt``. The models are tiny, and the tests make them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from proof_tests import ROOT, run_tests

NEEDED = ROOT / "requirements" / "nlp_engines.txt"
TESTS = "tests/capabilities/test_nlp_engines.py"


def environment() -> Path:
    """Return the Python of the environment, made there if it is missing."""
    folder = ROOT / "out" / "nlp_engines"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)  # noqa: S603
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(NEEDED)]
        subprocess.run(install, check=True)  # noqa: S603
        (folder / "ready").touch()
    return python


def main() -> int:
    """Print a table of the tests; return 1 if one failed or did not run."""
    print(f"{', '.join(re.findall('^[a-z].*', NEEDED.read_text(), re.MULTILINE))}\n")
    return run_tests(str(environment()), TESTS)


if __name__ == "__main__":
    sys.exit(main())
