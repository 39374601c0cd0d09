"""What the packages export, and what they say where an extra is missing."""

from __future__ import annotations

import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from rai_scale.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]
FACES = [
    ".".join(path.parent.relative_to(ROOT).parts)
    for path in sorted((ROOT / "rai_scale").rglob("__init__.pyi"))
]
VERBS = 15
MODULE = "rai_scale.spark"
"""The only module that is reached through the root."""


@pytest.mark.parametrize("package", FACES)
def test_every_public_name_is_there(package):
    face = import_module(package)
    assert face.__all__ == dir(face)
    for name in face.__all__:
        found = getattr(face, name)
        assert not isinstance(found, ModuleType) or found.__name__ in [*FACES, MODULE], (
            f"{package}.{name}"
        )
    with pytest.raises(AttributeError, match="no attribute 'scann'"):
        _ = face.scann


def test_no_module_has_the_name_of_a_public_function():
    exported = {name for package in FACES for name in import_module(package).__all__}
    public = exported - {package.rpartition(".")[2] for package in [*FACES, MODULE]}
    for path in (ROOT / "rai_scale").rglob("*.py"):
        if ".".join(path.relative_to(ROOT).parts[:2]) in FACES:
            name = path.parent.name if path.stem == "__init__" else path.stem
            assert name not in public, f"{path}: rename the module"


def test_the_root_keeps_a_dozen_verbs():
    import rai_scale

    names = [name for name in rai_scale.__all__ if f"rai_scale.{name}" not in [*FACES, MODULE]]
    assert len(names) <= VERBS
    with pytest.raises(AttributeError, match="It is rai_scale.fairness.four_fifths"):
        _ = rai_scale.four_fifths
    assert rai_scale.fairness.four_fifths is import_module("rai_scale.fairness").four_fifths


@pytest.mark.parametrize(
    ("statement", "package", "extra"),
    [
        ("from rai_scale import metric_frame", "fairlearn", "fairness"),
        ("from rai_scale.fairness import four_fifths", "fairlearn", "fairness"),
        ("from rai_scale.measures.metrics import Metric", "fairlearn", "fairness"),
        ("from rai_scale.privacy.ledger.ledger import Ledger", "sqlalchemy", "private"),
        ("import rai_scale.private_queries.api", "snsql", "private"),
        ("from rai_scale.engines.dask import DaskEngine", "dask", "dask"),
        ("import rai_scale.engines.spark as s; s.open_session(None)", "pyspark", "spark"),
    ],
)
def test_every_path_names_the_extra_that_is_missing(statement, package, extra):
    code = f"""
import sys
from tests.conftest import Hiding
sys.meta_path[:] = [Hiding(finder, ["{package}"]) for finder in sys.meta_path]
for name in list(sys.modules):
    if name.split(".")[0] in ("rai_scale", "{package}"):
        del sys.modules[name]
import rai_scale.errors
try:
    {statement}
except rai_scale.errors.MissingExtraError as error:
    print(error.name, error.extra, isinstance(error, ImportError))
"""
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.split() == [package, extra, "True"], run.stderr


def test_exact_measures_need_nothing_of_the_private_extra():
    code = """
import sys
from tests.conftest import Hiding
sys.meta_path[:] = [Hiding(finder, ["opendp", "sqlalchemy", "snsql"]) for finder in sys.meta_path]
import pandas, rai_scale
rows = pandas.DataFrame({"y": [0, 1], "p": [0, 1], "g": ["a", "b"]})
roles = {"y_true": "y", "y_pred": "p", "sensitive_features": "g"}
print(rai_scale.metric_frame(rows, metrics="accuracy_score", **roles).overall)
"""
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["1.0"], run.stderr


def test_who_asks_for_a_package_of_his_own_hears_what_python_says(without):
    without("fairlearn")
    with pytest.raises(ModuleNotFoundError) as raised:
        import fairlearn  # noqa: F401
    assert not isinstance(raised.value, MissingExtraError)


def test_the_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(MissingExtraError("shap", "explain")))
    assert (error.name, error.extra) == ("shap", "explain")
    assert str(error) == "shap is needed and not installed. Run: pip install 'rai-scale[explain]'"
