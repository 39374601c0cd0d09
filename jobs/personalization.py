"""spark-submit jobs/personalization.py --config conf/personalization.yaml [--set a.b=c]."""

from __future__ import annotations

import sys

from rai_scale.cli import script

if __name__ == "__main__":
    sys.exit(script("personalization"))
