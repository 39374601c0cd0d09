import re
import tomllib
from pathlib import Path

import pytest
import yaml

from rai_scale.jobs.balance.config import BalanceJob
from rai_scale.jobs.config import load_config
from rai_scale.jobs.dashboard.config import DashboardJob
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.jobs.evaluate_pii.config import EvaluatePiiJob
from rai_scale.jobs.explain.config import ExplainJob
from rai_scale.jobs.fairness.config import FairnessJob
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.personalization.config import PersonalizationJob
from rai_scale.jobs.private_sql.config import PrivateSqlJob
from rai_scale.jobs.redact.config import RedactJob
from rai_scale.jobs.redact_images.config import RedactImagesJob
from rai_scale.jobs.restore.config import RestoreJob
from rai_scale.jobs.risk.config import RiskJob
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.jobs.synthesize.config import SynthesizeJob
from tests.jobs.small_lake import cli, make_people

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = ROOT / "conf" / "platforms"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
KINDS = {
    "balance": BalanceJob,
    "error_analysis": ErrorAnalysisJob,
    "dashboard": DashboardJob,
    "scan": ScanJob,
    "redact": RedactJob,
    "redact_images": RedactImagesJob,
    "restore": RestoreJob,
    "evaluate_pii": EvaluatePiiJob,
    "fairness": FairnessJob,
    "train_ebm": EBMJob,
    "explain": ExplainJob,
    "personalization": PersonalizationJob,
    "private_sql": PrivateSqlJob,
    "risk": RiskJob,
    "synthesize": SynthesizeJob,
}
# The bundle's own variables; a person's configurations stand in for those of the sample lake.
GIVEN = {
    "${var.lake}": "/Volumes/main/raw/lake",
    "${var.output}": "/Volumes/main/rai/out",
    "${var.configs}/train_ebm.yaml": str(ROOT / "conf" / "ebm.yaml"),
    "${var.configs}/redact_images.yaml": str(ROOT / "conf" / "images.yaml"),
    "${var.configs}": str(ROOT / "conf"),
    "${workspace.file_path}": str(ROOT),
}
BUNDLE = yaml.safe_load((PLATFORMS / "databricks.yml").read_text())
JOBS = BUNDLE["resources"]["jobs"]
TASKS = [
    pytest.param(job, task, id=f"{name}-{task['task_key']}")
    for name, job in JOBS.items()
    for task in job["tasks"]
]


def packages(job: dict, task: dict) -> list[str]:
    """Return what a task installs."""
    if "libraries" in task:
        return [library["pypi"]["package"] for library in task["libraries"]]
    (environment,) = job["environments"]
    assert environment["environment_key"] == task["environment_key"]
    return environment["spec"]["dependencies"]


def azureml_packages() -> list[str]:
    conda = yaml.safe_load((PLATFORMS / "azureml_conda.yml").read_text())
    return next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))


def assert_known(installed: list[str]) -> None:
    """Known extras without a Spark of their own; with Presidio the locked model."""
    package, *model = installed
    extras = re.fullmatch(r"rai-scale\[([\w,]+)\]", package)[1].split(",")
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"]) - {"spark", "connect"}
    assert model == (PROJECT["dependency-groups"]["model"] if "pii" in extras else [])


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_databricks_installs_known_extras_and_the_locked_model(job, task) -> None:
    assert_known(packages(job, task))


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_databricks_runs_scripts_whose_parameters_are_valid(job, task) -> None:
    script = (PLATFORMS / task["spark_python_task"]["python_file"]).resolve()
    assert script.is_file()
    words = task["spark_python_task"]["parameters"]
    for name, value in GIVEN.items():
        words = [word.replace(name, value) for word in words]
    assert "${" not in " ".join(words)
    assert {words[at] for at in range(0, len(words), 2)} == {"--config", "--set"}
    sets = [words[at + 1] for at in range(2, len(words), 2)]
    config = load_config(KINDS[script.stem], words[1], sets, {})
    assert config.output.startswith("/Volumes/main/rai/out/")


def test_databricks_has_every_job_and_a_nightly_scan() -> None:
    scripts = {Path(t.values[1]["spark_python_task"]["python_file"]).stem for t in TASKS}
    assert scripts == {path.stem for path in (ROOT / "jobs").glob("*.py")} == set(KINDS)
    assert JOBS["scan"]["schedule"]["pause_status"] == "UNPAUSED"
    for name in re.findall(r"\$\{var\.(\w+)\}", (PLATFORMS / "databricks.yml").read_text()):
        assert name in BUNDLE["variables"]


def test_azureml_runs_the_scan_with_files_that_are_there() -> None:
    assert_known(azureml_packages())
    job = yaml.safe_load((PLATFORMS / "azureml_scan.yml").read_text())
    code = PLATFORMS / job["code"]
    assert (code / job["entry"]["file"]).samefile(ROOT / "jobs" / "scan.py")
    assert [Path(file).name for file in job["files"]] == ["scan.yaml"]
    assert (code / job["files"][0]).is_file()
    assert (PLATFORMS / job["environment"]["conda_file"]).is_file()
    used = set(re.findall(r"\$\{\{((?:inputs|outputs)\.\w+)\}\}", job["args"]))
    assert used == {f"{part}.{name}" for part in ("inputs", "outputs") for name in job[part]}


def test_the_scan_of_the_platforms_runs_on_any_lake(tmp_path) -> None:
    lake = make_people(tmp_path / "lake")
    sets = {"source": lake, "output": tmp_path / "out", "engine": "local"}
    sets["write_redact_config"] = tmp_path / "redact.yaml"
    options = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    ran = cli("scan", PLATFORMS / "scan.yaml", *options)
    assert ran.code == 0, ran.text
    assert load_config(RedactJob, tmp_path / "redact.yaml", [], {}).tables


def test_the_lock_names_no_index() -> None:
    text = (ROOT / "requirements" / "dev.lock").read_text()
    assert "://" not in text
    assert "index-url" not in text
