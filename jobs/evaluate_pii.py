"""spark-submit jobs/evaluate_pii.py --config conf/evaluate_pii.yaml [--set a.b=c]."""

from __future__ import annotations

import sys

from rai_scale.cli import script

if __name__ == "__main__":
    sys.exit(script("evaluate-pii"))
