"""``spark-submit jobs/*.py`` where the executors have nothing but what `make dist` built."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.jobs.small_lake import (
    ROOT,
    assert_same_tables,
    beside_the_output,
    cli,
    file_leaks,
    findings,
    leaks,
    redact_options,
    write_config,
)
from tests.jobs.spark_submit import Cluster

pytestmark = pytest.mark.spark


def submit(cluster: Cluster, job: str, *arguments: object):
    done = cluster.submit(ROOT / "jobs" / f"{job}.py", *map(str, arguments))
    return done.returncode, done.stdout + done.stderr


def test_scan(cluster, runs, planted, tmp_path):
    sets = ["--set", f"output={tmp_path / 'scan'}", "--set", "write_redact_config=null"]
    # a state of its own: with that of the fixture, unchanged tables would not be scanned again
    sets += ["--set", f"state={tmp_path / 'night.parquet'}"]
    code, text = submit(cluster, "scan", "--config", runs / "scan.yaml", "--log-json", *sets)
    assert code == 2, text[-4000:]  # a file of the lake is broken: it was not looked at
    pd.testing.assert_frame_equal(
        findings(tmp_path / "scan"), findings(runs / "scan"), check_exact=True
    )
    assert file_leaks(tmp_path / "scan", planted) == {}
    assert leaks(text, planted) == 0
    assert '"message": "scanned customers: findings"' in text


def test_redact(cluster, runs, planted, tmp_path):
    values = yaml.safe_load((runs / "redact.yaml").read_text())
    values["tables"] = {name: values["tables"][name] for name in ("customers", "web_events")}
    config = write_config(tmp_path / "r.yaml", values)
    ran = cli("redact", config, *redact_options(tmp_path / "local"))
    assert ran.code == 2, ran.text
    out = tmp_path / "red"
    code, text = submit(cluster, "redact", "--config", config, *redact_options(out))
    assert code == 2, text[-4000:]  # rows were set aside
    assert_same_tables(out, tmp_path / "local")
    assert beside_the_output(out, planted) == {}
    assert leaks(text, planted) == 0


def test_fairness(cluster, lake, planted, tmp_path):
    """Executors without Fairlearn: the engine counts, the driver computes."""
    sets = ["--set", f"source={lake}", "--set", f"output={tmp_path / 'fair'}"]
    code, text = submit(
        cluster, "fairness", "--config", ROOT / "conf" / "fairness.yaml", "--log-json", *sets
    )
    assert code == 1, text[-4000:]  # 24 rows: rates without a denominator fail the gate
    local = ["--set", f"source={lake}", "--set", f"output={tmp_path / 'local'}"]
    assert cli("fairness", ROOT / "conf" / "fairness.yaml", *local).code == 1
    for name in ("by_group", "disparities", "worst_groups"):
        one, other = (
            pd.read_parquet(tmp_path / at / f"{name}.parquet") for at in ("fair", "local")
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=name)
    assert file_leaks(tmp_path / "fair", planted) == {}
    assert leaks(text, planted) == 0


def test_what_cannot_be_run(cluster, tmp_path):
    code, text = submit(cluster, "scan", "--config", Path(tmp_path / "none.yaml"))
    assert code == 3
    assert "none.yaml does not exist." in text
    assert "Traceback" not in text
