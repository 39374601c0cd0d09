"""spark-submit jobs/private_sql.py --config conf/private_sql.yaml [--set a.b=c]."""

from __future__ import annotations

import sys

from rai_scale.cli import script

if __name__ == "__main__":
    sys.exit(script("private-sql"))
