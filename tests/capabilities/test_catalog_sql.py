"""SQL for Unity Catalog: quoted, without values, and parsed by another library."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.pii import check_unity_catalog, unity_catalog_sql
from tests.capabilities import scan_lake
from tests.capabilities.scan_lake import scan


@pytest.fixture(scope="module")
def found():
    """Return a scan of the people as if they were a table of a catalog."""
    rows = scan_lake.people(range(scan_lake.PEOPLE))
    odd = rows["customerEmail"]
    rows = rows.append_column("odd`name'; DROP", odd).append_column("gender", pa.array(["m"] * 40))
    result = scan({"people": rows})
    (table,) = result.tables
    return replace(result, tables=(replace(table, table="main.`crm.eu`.people", format="catalog"),))


def test_columns_are_tagged_and_direct_identifiers_masked(found):
    sql = unity_catalog_sql(found, "o'group")
    table = "ALTER TABLE `main`.`crm.eu`.`people` ALTER COLUMN"
    assert f"{table} `full_name` SET MASK `main`.`crm.eu`.`rai_mask_string`;" in sql
    assert f"{table} `birth_date` SET MASK `main`.`crm.eu`.`rai_mask_date32_day`" not in sql
    assert f"{table} `birth_date` SET MASK `main`.`crm.eu`.`rai_mask_date`;" in sql
    tags = "('rai_class' = 'quasi-identifier', 'rai_entity' = 'GENDER', 'rai_verdict' = 'indirect')"
    assert f"{table} `gender` SET TAGS {tags};" in sql
    assert f"{table} `gender` SET MASK" not in sql
    assert f"{table} `odd``name'; DROP` SET MASK" in sql
    assert "is_account_group_member('o\\'group')" in sql
    assert sql.count("CREATE OR REPLACE FUNCTION") == 2
    assert "-- No statement (part of a column): main.crm.eu.people, address.city" in sql
    assert not any(value in sql for value in scan_lake.planted())


def test_the_findings_name_catalog_and_schema(found):
    rows = found.to_pandas()
    assert set(rows["catalog"]) == {"main"}
    assert set(rows["schema"]) == {"crm.eu"}
    email = rows.set_index(["column", "entity"]).loc[("customerEmail", "EMAIL_ADDRESS")]
    assert (email["frequency"], email["share"]) == (0.8, 1.0)


def test_every_statement_is_one_statement_of_databricks(found):
    sqlglot = pytest.importorskip("sqlglot")
    statements = [s for s in sqlglot.parse(unity_catalog_sql(found), read="databricks") if s]
    assert len(statements) == unity_catalog_sql(found).count(";\n") - 1  # one ; is in a name


def test_tables_of_files_are_named_in_comments():
    sql = unity_catalog_sql(scan({"people\nx": scan_lake.people(range(9))}))
    assert all(line.startswith("--") for line in sql.splitlines())


def test_a_session_without_unity_catalog_checks_nothing(found):
    (check,) = check_unity_catalog(found, "local")
    assert (check.table, check.outcome) == ("main.`crm.eu`.people", "not checked")
    assert "cannot read information_schema" in check.detail
    (check,) = check_unity_catalog(scan({"people": scan_lake.people(range(9))}), "local")
    assert check.detail == "it is not a table of Unity Catalog"


@pytest.mark.spark
@pytest.mark.smoke
def test_tags_and_masks_are_compared_with_the_catalog(found, spark_session, tmp_path):
    """The views of a session with Unity Catalog, as tables of its own catalog."""
    (people,) = found.tables
    result = replace(found, tables=(replace(people, table="spark_catalog.crm.People"),))
    engine = engine_named("spark", session=spark_session)
    (check,) = check_unity_catalog(result, engine)
    assert check.outcome == "not checked"
    spark_session.sql(f"CREATE DATABASE information_schema LOCATION '{tmp_path / 'views'}'")
    names = "catalog_name string, schema_name string, table_name string, column_name string"
    where = ("spark_catalog", "crm", "people")
    tags = {"rai_class": "identifier", "rai_entity": "PERSON", "rai_verdict": "personal"}
    rows = [(*where, "full_name", *tag) for tag in tags.items()]
    other = {"rai_class": "quasi-identifier", "rai_entity": "AGE", "rai_verdict": "indirect"}
    rows += [(*where, "gender", *tag) for tag in other.items()]
    rows += [("spark_catalog", "crm", "staff", "customerEmail", "rai_class", "identifier")]
    try:
        for view, content, more in (
            ("column_tags", rows, ", tag_name string, tag_value string"),
            ("column_masks", [(*where, "full_name")], ""),
        ):
            frame = spark_session.createDataFrame(content, names + more)
            frame.write.saveAsTable(f"information_schema.{view}")
        checks = {c.column: (c.outcome, c.detail) for c in check_unity_catalog(result, engine)}
    finally:
        spark_session.sql("DROP DATABASE information_schema CASCADE")
    assert checks["full_name"] == ("in place", "")
    assert checks["gender"] == ("missing", "tag rai_entity")
    mail = "tag rai_class, tag rai_entity, tag rai_verdict, mask"
    assert checks["customerEmail"] == ("missing", mail)
