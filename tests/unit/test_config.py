"""Configurations: what is refused and how it is said, what overrides what, and what is exported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from rai_scale.errors import ConfigError
from rai_scale.jobs.balance.config import BalanceJob
from rai_scale.jobs.config import config_hash, load_config
from rai_scale.jobs.dashboard.config import DashboardJob
from rai_scale.jobs.error_analysis.config import ErrorAnalysisJob
from rai_scale.jobs.evaluate_pii.config import EvaluatePiiJob
from rai_scale.jobs.explain.config import ExplainJob
from rai_scale.jobs.fairness.config import FairnessJob
from rai_scale.jobs.glassbox.config import EBMJob
from rai_scale.jobs.personalization.config import PersonalizationJob
from rai_scale.jobs.private_sql.config import PrivateSqlJob
from rai_scale.jobs.private_sql.plan import read_metadata
from rai_scale.jobs.redact.config import RedactJob
from rai_scale.jobs.redact_images.config import RedactImagesJob
from rai_scale.jobs.registry import JOBS
from rai_scale.jobs.restore.config import RestoreJob, RotateJob
from rai_scale.jobs.review_pii.config import ReviewPiiJob
from rai_scale.jobs.risk.config import RiskJob
from rai_scale.jobs.scan.config import ScanJob
from rai_scale.jobs.schemas import export_schemas
from rai_scale.jobs.synthesize.config import SynthesizeJob

CONF = Path(__file__).resolve().parents[2] / "conf"
SCAN = {"source": "lake", "output": "out"}
REDACT = {**SCAN, "tables": {"people": {"columns": ["note"], "key_columns": ["id"]}}}
FAIRNESS = {
    "source": "lake",
    "output": "out",
    "y_true": "y",
    "y_pred": "p",
    "sensitive_features": ["sex"],
}
PRIVATE_SQL = {
    **{"source": {"people": "lake/people"}, "metadata": "people.yaml", "output": "out"},
    "private": {"ledger": "env:LEDGER", "scope": "people", "analyst": "ann", "epsilon": 1},
    "queries": [{"name": "all", "query": "SELECT COUNT(*) AS n FROM lake.people"}],
}
EBM = {**SCAN, "features": ["age"], "y_true": "y"}
ERRORS = {**SCAN, "y_true": "y", "y_pred": "p"}
BALANCE = {**SCAN, "sensitive_features": ["sex"]}
EXPLAIN = {**SCAN, "features": ["age"], "model": "model.txt"}
RESTORE = {
    **{**SCAN, "columns": ["note"], "keys": {"k1": "env:K1"}},
    **{"log": "env:LOG", "analyst": "ann", "purpose": "a complaint"},
}
KINDS = {
    "scan": (ScanJob, SCAN),
    "redact": (RedactJob, REDACT),
    "images": (RedactImagesJob, SCAN),
    "evaluate_pii": (EvaluatePiiJob, SCAN),
    "review_pii": (ReviewPiiJob, {**SCAN, "columns": ["note"]}),
    "error_analysis": (ErrorAnalysisJob, ERRORS),
    "fairness": (FairnessJob, FAIRNESS),
    "balance": (BalanceJob, BALANCE),
    "ebm": (EBMJob, EBM),
    "explain": (ExplainJob, EXPLAIN),
    "private_sql": (PrivateSqlJob, PRIVATE_SQL),
    "dashboard": (DashboardJob, SCAN),
    "personalization": (PersonalizationJob, {**SCAN, "log": {"person": "user"}}),
    "synthetic": (SynthesizeJob, SCAN),
    "risk": (RiskJob, {**SCAN, "table": "people", "quasi_identifiers": ["a"]}),
    "restore": (RestoreJob, RESTORE),
    "rotate": (RotateJob, {**RESTORE, "to": "k1"}),
}


def load(tmp_path, kind, values, sets=(), environ=None):
    path = tmp_path / "job.yaml"
    text = values if isinstance(values, str) else yaml.safe_dump(values)
    path.write_text(text)
    return load_config(KINDS[kind][0], path, sets, environ or {})


def message(tmp_path, kind, values, sets=(), environ=None):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, kind, values, sets, environ)
    return str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("kind", "changes", "path", "meant", "allowed"),
    [
        ("scan", {"sourc": "x"}, "sourc", "source", "absent_below"),
        ("scan", {"spark_remot": "x"}, "spark_remot", "spark_remote", "dask_scheduler"),
        ("scan", {"analyzer": {"modle": "x"}}, "analyzer.modle", "model", "deny_lists"),
        ("scan", {"gates": [{"name": "a", "tabels": "x"}]}, "gates.0.tabels", "tables", "metric"),
        (
            "scan",
            {"analyzer": {"patterns": [{"entity": "A", "regex": "b", "scor": 1}]}},
            "analyzer.patterns.0.scor",
            "score",
            "context",
        ),
        (
            "redact",
            {"tables": {"people": {"colums": ["note"]}}},
            "tables.people.colums",
            "columns",
            "json_columns, key_columns, policy, strict, whole_columns",
        ),
        (
            "redact",
            {"tables": {"key": {"colums": ["note"]}}},  # a table that is called like a field
            "tables.key.colums",
            "columns",
            "whole_columns",
        ),
    ],
)
def test_an_unknown_key_at_any_depth(tmp_path, kind, changes, path, meant, allowed):  # noqa: PLR0917
    said = message(tmp_path, kind, {**KINDS[kind][1], **changes})
    assert said.startswith(f"/job.yaml: {path}: unknown key. Did you mean {meant!r}? Allowed: ")
    assert allowed in said


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("scan", {"engine": "sprak"}, "engine: must be 'local', 'dask' or 'spark'; found 'sprak'. Did you mean 'spark'?"),
        ("scan", {"error": 0}, "error: must be greater than 0; found 0."),
        ("scan", {"analyzer": {"score_threshold": 1.5}}, "analyzer.score_threshold: must be less than or equal to 1; found 1.5."),
        ("ebm", {"holdout": 1}, "holdout: must be less than 1; found 1."),
        ("explain", {"features": []}, "features: must not be empty; found a list."),
        ("explain", {"row_pages": 201}, "row_pages: must be less than or equal to 200; found 201."),
        ("explain", {"partial_dependence": ["agee"]}, "(top level): partial_dependence: 'agee' is not one of features. Did you mean 'age'?"),
        ("ebm", {"feature_types": {"agee": "nominal"}}, "(top level): feature_types: 'agee' is not one of features. Did you mean 'age'?"),
        ("ebm", {"interactions": [["age", "agee"]]}, "(top level): interactions: 'agee' is not one of features. Did you mean 'age'?"),
        ("fairness", {"comparison": {"depth": 4}}, "comparison: depth must be at most 3; found 4."),
        ("redact", {"format": "csv"}, "format: must be 'parquet' or 'delta'; found 'csv'."),
        ("redact", {"max_error_ratio": "many"}, "max_error_ratio: must be a number; found 'many'."),
        ("redact", {"tables": {"t": {"columns": [False]}}}, "tables.t.columns.0: must be text; found False. Write it in quotation marks: without them YAML reads another type."),
        ("redact", {"tables": {}}, "(top level): give either tables, or columns and key_columns of a single table."),
        ("redact", {"tables": {"people": {"columns": "note"}}}, "tables.people.columns: must be a list; found 'note'."),
    ],
)  # fmt: skip
def test_a_wrong_value_says_file_path_value_and_what_is_allowed(tmp_path, kind, changes, said):
    assert message(tmp_path, kind, {**KINDS[kind][1], **changes}) == f"/job.yaml: {said}"


def test_every_error_is_said_at_once(tmp_path):
    lines = message(tmp_path, "scan", {"output": "o", "engine": 1, "csv": []}).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["engine", "source", "csv"]
    assert lines[1] == "/job.yaml: source: is required."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "not valid YAML at line 2"),
        ("a: !!python/object:os.system {}\n", "not valid YAML at line 1"),
        ("- a\n- b\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("just text", "must be a mapping"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, text, said):
    assert message(tmp_path, "scan", text).startswith(f"/job.yaml: {said}")


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("source: a\noutput: b\nsource: c\n", "'source'", (1, 3)),
        ("source: a\ntables:\n  p: {}\n  q: {}\n  'p': {}\n", "'p'", (3, 5)),
        ("source: a\ngates:\n- name: x\n  name: y\n", "'name'", (3, 4)),
        ('{"source": "a",\n "output": "b", "source": "c"}', "'source'", (1, 2)),
        ("keys:\n  1: a\n  0x1: b\n", "1", (2, 3)),
    ],
)
def test_a_key_that_stands_twice_is_refused_wherever_yaml_is_read(tmp_path, text, key, lines):
    """One of the two would count and the other be dropped: a table, a gate, a privacy unit."""
    said = f"key {key} is given twice in one mapping, at line {lines[0]} and at line {lines[1]}."
    assert message(tmp_path, "scan", text).startswith(f"/job.yaml: {said}")
    (tmp_path / "metadata.yaml").write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_metadata(str(tmp_path / "metadata.yaml"))


def test_a_key_that_stands_twice_in_an_override_is_refused(tmp_path):
    twice = "{model: a, model: b}"
    said = message(tmp_path, "scan", SCAN, [f"analyzer={twice}"])
    assert said.startswith("--set analyzer: key 'model' is given twice")
    assert "is given twice" in message(tmp_path, "scan", SCAN, (), {"RAI_SCALE__ANALYZER": twice})


def test_a_merge_may_be_overridden(tmp_path):
    text = "source: a\noutput: b\nanalyzer: {<<: {model: x, language: en}, model: y}\n"
    assert load(tmp_path, "scan", text).analyzer.model == "y"


def test_a_date_that_does_not_exist_is_no_crash(tmp_path):
    assert "not valid YAML (ValueError)" in message(tmp_path, "scan", "source: 2024-13-45\n")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist\."):
        load_config(ScanJob, tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder; give a file"):
        load_config(ScanJob, tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"source: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml is not text in UTF-8"):
        load_config(ScanJob, tmp_path / "latin.yaml")


def test_set_wins_over_the_environment_and_that_over_the_file(tmp_path):
    values = {
        **SCAN,
        "random_state": 1,
        "error": 0.1,
        "analyzer": {"model": "a", "language": "es"},
    }
    environ = {
        "RAI_SCALE__RANDOM_STATE": "2",
        "RAI_SCALE__ANALYZER__MODEL": "b",
        "RAI_SCALE_OTHER": "x",
    }
    from_file = load(tmp_path, "scan", values)
    assert (from_file.random_state, from_file.analyzer.model) == (1, "a")
    from_environment = load(tmp_path, "scan", values, environ=environ)
    assert (from_environment.random_state, from_environment.analyzer.model) == (2, "b")
    sets = ["random_state=4", "analyzer.model=c=d", "write_unity_sql=null"]
    config = load(tmp_path, "scan", values, sets, environ)
    assert (config.random_state, config.analyzer.model, config.write_unity_sql) == (4, "c=d", None)
    assert config.analyzer.language == "es"


def test_a_key_that_is_set_twice_is_refused(tmp_path):
    said = message(tmp_path, "scan", SCAN, ["random_state=3", "engine=dask", "random_state = 3"])
    assert said == "--set random_state is given twice; give it once."


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("scan", {"seed": 1}, "seed: is now called random_state."),
        ("redact", {"tables": {"p": {"columns": ["a"], "key": ["b"]}}}, "key: is now called key_columns."),
        ("fairness", {"fail_if": []}, "fail_if: is now called gates."),
        ("fairness", {"privacy": {}}, "privacy: is now called private."),
        ("fairness", {"bootstrap_unit": "a"}, "bootstrap_unit: is now called bootstrap.person."),
        ("explain", {"target": 1}, "target: is now called explain_class."),
        ("explain", {"trusted": True}, "trusted: is now called model.trusted."),
        ("explain", {"explained": "raw"}, "explained: is now called model.output."),
        ("explain", {"background_rows": 9}, "background_rows: is now called background.rows."),
        ("explain", {"replicates": True}, "replicates: is now called sampling.replicates."),
        ("explain", {"grid_points": 9}, "grid_points: is now called grid.points."),
        ("explain", {"keys": ["a"]}, "keys: is now called key_columns."),
        ("ebm", {"max_rounds": 9}, "max_rounds: is now called ebm_params.max_rounds."),
        ("ebm", {"min_rows_per_shard": 9}, "min_rows_per_shard: is now called shards.min_rows."),
        ("ebm", {"target": "y"}, "target: is now called y_true."),
        ("private_sql", {"tables": {}}, "tables: is now called source."),
        ("private_sql", {"epsilon": 1}, "epsilon: is now called private.epsilon."),
        (
            "private_sql",
            {"queries": [{"name": n, "query": "", **old} for n, old in (("a", {}), ("b", {"keys": []}))]},
            "queries.1.keys: is now called groups.",
        ),
    ],
)  # fmt: skip
def test_an_old_key_is_answered_with_its_new_name(tmp_path, kind, old, new):
    assert message(tmp_path, kind, {**KINDS[kind][1], **old}).endswith(new)


def test_overrides_reach_keys_that_the_file_leaves_out(tmp_path):
    values = {**REDACT, "analyzer": None, "operators": {"DEFAULT": {"type": "replace"}}}
    environ = {
        "RAI_SCALE__OPERATORS__DEFAULT__TYPE": "redact",
        "RAI_SCALE__OPERATORS__PHONE_NUMBER__TYPE": "keep",
        "RAI_SCALE__ANALYZER__DENY_LISTS__TITLE": "[Mr., Mrs.]",
    }
    sets = ["analyzer.model=m", "tables.people.json_columns=[a, b]"]
    config = load(tmp_path, "redact", values, sets, environ)
    assert config.operators == {"DEFAULT": {"type": "redact"}, "PHONE_NUMBER": {"type": "keep"}}
    assert config.analyzer.deny_lists == {"TITLE": ("Mr.", "Mrs.")}
    assert config.analyzer.model == "m"
    assert config.tables["people"].json_columns == ("a", "b")
    assert config.tables["people"].columns == ("note",)


@pytest.mark.parametrize("sets", [["model.trusted=true"], ["model.trusted=true", "model=m.pkl"]])
def test_an_override_reaches_into_a_block_in_its_short_form(tmp_path, sets):
    values = {**EXPLAIN, "model": "m.pkl"}
    config = load(tmp_path, "explain", values, sets, {"RAI_SCALE__BACKGROUND__ROWS": "7"})
    assert (config.model.path, config.model.trusted) == ("m.pkl", True)
    assert config.background.rows == 7
    shards = load(tmp_path, "ebm", {**EBM, "shards": 4}, ["shards.min_rows=9"]).shards
    assert (shards.count, shards.min_rows) == (4, 9)


def test_an_override_that_is_wrong_is_named(tmp_path):
    assert message(tmp_path, "scan", SCAN, ["sed=1"]).startswith("--set sed: sed: unknown key.")
    said = message(tmp_path, "scan", SCAN, environ={"RAI_SCALE__RANDOM_STATE": "many"})
    assert said.startswith("environment variable RAI_SCALE__RANDOM_STATE: random_state: ")
    assert (
        message(tmp_path, "scan", SCAN, ["random_state"])
        == "--set 'random_state': write it as a.b=value."
    )
    assert "is a value and has no keys of its own" in message(
        tmp_path, "scan", SCAN, ["source.a=1"]
    )
    assert "not valid YAML" in message(tmp_path, "scan", SCAN, ["random_state=[1"])


@pytest.mark.parametrize(
    ("operators", "sets"),
    [
        ({"DEFAULT": {"type": "encrypt", "key": "hunter2hunter2"}}, []),
        ({"PERSON": {"type": "hash", "salt": "hunter2hunter2"}}, []),
        ({"PERSON": {"type": "hash", "salt": 4242424242}}, []),
        ({}, ["operators.PERSON={type: hash, salt: hunter2hunter2}"]),
        ({}, ["operators.PERSON.salt=hunter2hunter2"]),
        ({}, ["operators.PERSON.salt:hunter2hunter2"]),
        ({}, ["operators.PERSON.salt=[hunter2hunter2"]),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_shown(tmp_path, operators, sets):
    said = message(tmp_path, "redact", {**REDACT, "operators": operators}, sets)
    assert "hunter2" not in said
    assert "42424242" not in said
    if not sets:
        assert "must be a reference (env:NAME, file:/path or databricks:scope/key)" in said


def test_the_hash_is_of_the_values_and_not_of_how_they_are_written(tmp_path):
    one = load(tmp_path, "scan", SCAN)
    other = load(tmp_path, "scan", "# comment\noutput: out\nrandom_state: 0\nsource: lake\n")
    assert config_hash(one) == config_hash(other)
    assert config_hash(load(tmp_path, "scan", SCAN, ["random_state=1"])) != config_hash(one)
    keyed = [{"PERSON": {"type": "hash", "salt": f"env:{name}"}} for name in ("A", "B")]
    hashes = {config_hash(load(tmp_path, "redact", {**REDACT, "operators": o})) for o in keyed}
    assert len(hashes) == 2


def test_the_exported_schemas_are_up_to_date(tmp_path):
    written = export_schemas(tmp_path)
    assert {path.name for path in written} == {f"{entry.conf}.schema.json" for entry in JOBS}
    assert {path.name for path in (CONF / "schema").iterdir()} == {path.name for path in written}
    for path in written:
        here = CONF / "schema" / path.name
        assert here.read_text() == path.read_text(), "run: rai-scale schemas"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_configurations_that_are_shipped_fit_schema_and_model(name):
    schema = json.loads((CONF / "schema" / f"{name}.schema.json").read_text())
    values = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    jsonschema.validate(values, schema)
    assert load_config(KINDS[name][0], CONF / f"{name}.yaml", environ={}).engine == "local"
    assert f"$schema=schema/{name}.schema.json" in (CONF / f"{name}.yaml").read_text()
    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        jsonschema.validate({**values, "sourc": "x"}, schema)


def test_every_shipped_configuration_is_tested():
    assert (
        {path.stem for path in CONF.glob("*.yaml")} == set(KINDS) == {entry.conf for entry in JOBS}
    )
