"""spark-submit jobs/risk.py --config conf/error_analysis.yaml [--set a.b=c]."""

from __future__ import annotations

import sys

from rai_scale.cli import script

if __name__ == "__main__":
    sys.exit(script("risk"))
