"""spark-submit jobs/dashboard.py --config conf/dashboard.yaml [--set a.b=c] [--engine spark]."""

from __future__ import annotations

import sys

from rai_scale.cli import script

if __name__ == "__main__":
    sys.exit(script("dashboard"))
