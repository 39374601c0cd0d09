"""Classes beyond direct identifiers, on a labelled table and in cases that are easily mistaken."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from rai_scale.pii.data_classes.values import types_of_value
from rai_scale.pii.data_classes.whole_values import confirmed, contradicted
from rai_scale.pii.scanning.column_name_rules import classes_of_name
from tests.capabilities.labelled_table import DIRECT, OTHERS, labelled
from tests.capabilities.scan_lake import scan

NO_STREETS = ("Kiesweg", "12 rue", "weg 3 km", "12 route-maps", "Straße gesperrt seit 3 Tagen")
CERTAIN = ("personal", "secret", "indirect")


@pytest.mark.parametrize("neutral", [False, True])
def test_a_labelled_table(neutral):
    table, keys = labelled(neutral=neutral)
    columns = {keys[c.column]: c for c in scan({"t": table}).tables[0].columns}
    right = {k for k in DIRECT if _best(columns[k]) == (DIRECT[k][1], "personal")}
    assert len(right) >= 11, set(DIRECT) - right
    verdicts = {k: {f.verdict for f in columns[k].findings} for k in OTHERS}
    assert [k for k, found in verdicts.items() if "personal" in found] == []
    certain = {
        key: {f.data_class for f in columns[key].findings if f.verdict in CERTAIN} for key in OTHERS
    }
    plain = {key for key, (_, kind, _) in OTHERS.items() if kind is None}
    assert all(not certain[key] for key in plain)
    if not neutral:
        assert certain == {key: {kind} if kind else set() for key, (_, kind, _) in OTHERS.items()}


def _best(column):
    best = column.findings[0] if column.findings else None
    return best and (best.entity, best.verdict)


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_the_same_classes_on_every_engine(engine, tmp_path):
    import pyarrow.parquet as pq

    table, _ = labelled(neutral=False)
    pq.write_table(table, tmp_path / "t.parquet")
    found = scan(str(tmp_path), engine=engine, samples=3).tables[0]
    assert found.columns == scan({"t": table}, samples=3).tables[0].columns


@pytest.mark.spark
@pytest.mark.parametrize("session", ["spark_session", "connect_session"])
def test_the_same_classes_on_spark(session, request, tmp_path):
    from rai_scale.engines import engine_named

    engine = engine_named("spark", session=request.getfixturevalue(session))
    table, _ = labelled(neutral=False)
    found = scan({"t": engine.from_arrow(table)}, samples=3).tables[0]
    assert found.columns == scan({"t": table}, samples=3).tables[0].columns


NAMES = {
    "GENDER": "gender sex Geschlecht sexe customer_gender sesso genero geslacht",
    "AGE": "age Alter patient_age edad leeftijd",
    "BIRTH_DATE": "dob Geburtsdatum date_de_naissance birthDate",
    "BIRTH_YEAR": "birth_year yearOfBirth Geburtsjahr année_de_naissance",
    "POSTCODE": "zip PLZ code_postal postcode zipCode",
    "OCCUPATION": "occupation Beruf métier jobTitle",
    "PASSWORD": "password Passwort mot_de_passe mdp user.password",
    "API_KEY": "api_key apiKey client_secret clé_api",
    "DIAGNOSIS": "diagnosis icd10 Diagnose maladie",
    "INCOME": "salary Gehalt Jahresgehalt salaire annual_income",
    "CARD_SECURITY_CODE": "cvv cvc2 card_security_code",
}


@pytest.mark.parametrize(
    ("entity", "name"), [(e, name) for e, names in NAMES.items() for name in names.split()]
)
def test_names_imply_classes(entity, name):
    assert entity in classes_of_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "page_age",
        "cache_age",
        "image",
        "package_type",
        "stage",
        "n_genders",
        "size",
        "sexton",
        "key",
        "token",
    ],
)
def test_names_that_imply_no_class(name):
    assert classes_of_name(name) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Hauptstraße 12",
        "Am Alten Lindenweg 7 b, 50667 Köln",
        "Goethestr. 3, 80331 München",
        "12 rue de la Paix, 75002 Paris",
        "4 bis avenue Foch",
        *[pytest.param(text, id=f"not {text}") for text in NO_STREETS],
    ],
)
def test_streets_of_other_languages_are_places(text):
    assert confirmed(text) == ({} if text in NO_STREETS else {"LOCATION": 0.95})


def test_a_year_with_a_running_number_is_no_telephone_number():
    """It has ten digits, as telephone numbers of the USA have."""
    table = pa.table({"a": [f"2026-{612_345 + i}" for i in range(60)]})
    verdicts = {f.entity: f.verdict for f in scan({"t": table}).tables[0].columns[0].findings}
    assert verdicts.get("PHONE_NUMBER") is None
    assert contradicted("2026-612345", "PHONE_NUMBER")
    assert not contradicted("202-612-3456", "PHONE_NUMBER")
    assert not contradicted("2026-612345", "US_SSN")


def test_groups_of_digits_are_one_number():
    table = pa.table({"a": [f"+33 1 42 {10 + i} 66 00" for i in range(60)]})
    best = scan({"t": table}).tables[0].columns[0].findings[0]
    assert (best.entity, best.verdict) == ("PHONE_NUMBER", "personal")


def test_a_birth_year_is_no_date_of_birth():
    years = pa.array([str(1940 + i) for i in range(60)])
    findings = scan({"t": pa.table({"birth_year": years})}).tables[0].columns[0].findings
    assert (findings[0].entity, findings[0].verdict) == ("BIRTH_YEAR", "indirect")
    assert "personal" not in {f.verdict for f in findings}


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB", "PRIVATE_KEY"),
        ("use AKIAQ3EGRKWP5ZT7HB2V now", "API_KEY"),
        ("glpat-x8Kq2mZr7TbW4cVn9LpD", "API_KEY"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "ACCESS_TOKEN"),
        ("$2b$12$" + "aB3./x9" * 7 + "Qw1z", "PASSWORD"),
        ("login with password: tR7!kelp9", "PASSWORD"),
    ],
)
def test_secrets_are_recognised_in_texts(text, entity):
    assert entity in types_of_value(text)


@pytest.mark.parametrize(
    "text",
    [
        "AKIAAAAAAAAAAAAAAAAA",
        "xoxb-aaaaaaaaaaaaaaaaaaaaaaaa",
        "eyJhbGciOiJIUzI1NiJ.eyJzdWIiOiIxIn0.c2ln",
        "password: required",
        "the password = <removed>",
        "d41d8cd98f00b204e9800998ecf8427e",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_what_only_resembles_a_secret_is_none(text):
    assert types_of_value(text) == {}


def test_common_forms_need_a_name():
    for text in ("42", "10115", "1980-02-03", "123", "B2", "DEUTDEFF", "1999"):
        assert types_of_value(text) == {}
    assert types_of_value("42", ["AGE"])
    assert types_of_value("10115", ["POSTCODE"])


def test_name_and_values_that_do_not_agree():
    table = pa.table(
        {
            "email": [f"n{i}" for i in range(40)],
            "ref": ["4012888888881881"] * 40,
            "mail": [f"u{i}@example.org" for i in range(40)],
            "gender": [f"shelf {i}" for i in range(40)],
        }
    )
    result = scan({"t": table})
    conflicts = {c.column: c.conflict for c in result.tables[0].columns}
    assert conflicts["email"] == "The name implies EMAIL_ADDRESS, which 0 of 40 values have."
    assert conflicts["ref"].startswith("40 of 40 values are CREDIT_CARD")
    assert conflicts["gender"] == "The name implies GENDER, which 0 of 40 values have."
    assert result.totals()["columns_in_conflict"] == 4
    assert conflicts["email"] in result.to_html()
    assert conflicts["ref"] in set(result.to_pandas()["conflict"])


@pytest.mark.parametrize(
    ("names", "level", "together"),
    [
        (["gender"], "low", 1),
        (["gender", "age"], "medium", 2),
        (["gender", "age", "diagnosis"], "high", 2),
        (["gender", "age", "occupation"], "high", 3),
        (["status"], "none", 0),
    ],
)
def test_the_risk_of_a_table_rises_with_quasi_identifiers(names, level, together):
    rng = random.Random(3)
    values = {
        "gender": ["male", "female"],
        "age": [str(n) for n in range(20, 80)],
        "occupation": ["nurse", "teacher"],
        "diagnosis": ["asthma", "E11.9"],
        "status": ["open", "closed"],
    }
    table = pa.table({name: [rng.choice(values[name]) for _ in range(80)] for name in names})
    result = scan({"t": table})
    risk = result.tables[0].risk
    assert (risk.level, len(risk.together)) == (level, together)
    assert result.to_dict()["tables"][0]["risk"]["level"] == level
    assert set(result.to_pandas()["table_risk"]) == {level}
    assert risk.reason in result.to_html()


def test_masked_samples_are_shown_only_on_request():
    names = [f"Ann{'a' * (i % 3)} 12-{3400 + i}" for i in range(30)]
    table = pa.table({"full_name": names, "password": [f"aB{i:02d}!xyz" for i in range(30)]})
    silent = scan({"t": table})
    assert all(not c.shapes for c in silent.tables[0].columns)
    assert "Masked samples" not in silent.to_html()
    result = scan({"t": table}, samples=2)
    shapes = {c.column: c.shapes for c in result.tables[0].columns}
    assert shapes == {"full_name": ("Aaa 99-9999", "Aaaa 99-9999"), "password": ()}
    outputs = [result.to_html(), result.to_json(), result.to_pandas().to_csv()]
    assert all("Aaa 99-9999" in text for text in outputs)
    assert not any(name in text for name in names for text in outputs)
    assert "masked samples" in outputs[0]
