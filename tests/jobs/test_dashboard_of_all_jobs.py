"""One page over the results of all jobs on the sample lake, as their configurations stand."""

from __future__ import annotations

import json

import pytest

from rai_scale.reports.dashboard import TABS
from rai_scale.samples import make_sample_lake
from tests.jobs.small_lake import ROOT, cli
from tests.unit.dashboard_browser import FAULTS, looked_at
from tests.unit.test_reports_layout import CHROMIUM

SCOPES = {"customers": "1e-6", "applicants": "1e-5"}
EXACT = ("error_analysis", "fairness", "balance", "ebm", "scan", "risk")
COMMANDS = {"ebm": "train-ebm", "synthetic": "synthesize", "private_sql": "private-sql"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The dashboard, after all jobs ran."""
    folder = tmp_path_factory.mktemp("all")
    lake, out = folder / "lake", folder / "out"
    make_sample_lake(lake, rows=600, recommendations=True)
    ledger = f"sqlite:///{out / 'ledger.db'}"
    for scope, delta in SCOPES.items():
        made = ("create-scope", scope, "--epsilon", "10", "--delta", delta)
        assert cli("budget", *made, "--ledger", ledger, "--force-ephemeral").code == 0

    def run(conf, *sets):
        command = COMMANDS.get(conf, conf.replace("_", "-"))
        options = (f"output={out / conf}", *sets)
        asked = [part for one in options for part in ("--set", one)]
        ran = cli(command, ROOT / "conf" / f"{conf}.yaml", *asked)
        assert ran.code != 3, ran.text
        return ran

    for conf in EXACT:
        run(conf, f"source={lake}", *(["write_redact_config=null"] if conf == "scan" else []))
    run("explain", f"source={lake}", f"model.path={out / 'ebm' / 'model.pkl'}")
    tables = (f"source.{name}={lake / name}" for name in ("customers", "support_tickets"))
    run("private_sql", f"private.ledger={ledger}", *tables)
    run("synthetic", f"private.ledger={ledger}", f"source={lake}")
    audited = lake / "personalization"
    run("personalization", f"source={audited}", f"consent.source={audited}")
    names = json.dumps([str(out / conf) for conf in (*EXACT, *_LATER)])
    assert run("dashboard", f"source={names}").code == 0
    return (out / "dashboard" / "report.html").read_text()


_LATER = ("explain", "private_sql", "synthetic", "personalization")


@pytest.mark.proof
def test_every_tab_has_a_result(page):
    assert "No result for this tab was given" not in page
    assert "Not run" not in page
    assert len(page.encode()) < 3_000_000


@pytest.mark.proof
@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 390, 360])
def test_every_tab_in_a_browser(page, width, tmp_path):
    found = looked_at(page, width, tmp_path)
    assert found["tabs"] == [[f"tab-{name}", f"panel-{name}"] for name in ("overview", *TABS)]
    assert {name: found[name] for name in FAULTS} == {name: [] for name in FAULTS}
    assert found["pressed"] == 1
