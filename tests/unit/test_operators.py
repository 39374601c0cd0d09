"""Operators from plain values; their secrets do not show."""

from __future__ import annotations

import pickle

import pytest
from presidio_anonymizer.entities import OperatorConfig

from rai_scale.errors import ConfigError
from rai_scale.pii.redaction.operators import Anonymizer, Operators

SALT, KEY = "salt-0123456789abcdef", "WmZq4t7w!z%C&F)J"


def test_the_default_is_to_replace():
    operators = Operators()
    assert operators.name("PERSON") == "replace"
    assert set(operators.configs()) == {"DEFAULT"}


@pytest.mark.parametrize(
    ("specs", "draws"),
    [
        (None, False),
        (
            {
                "DEFAULT": {
                    "type": "mask",
                    "masking_char": "*",
                    "chars_to_mask": 2,
                    "from_end": True,
                }
            },
            False,
        ),
        ({"PERSON": {"type": "hash", "salt": SALT}}, False),
        ({"PERSON": {"type": "hash"}}, True),
        ({"PERSON": {"type": "encrypt", "key": KEY}}, True),
    ],
)
def test_which_operators_draw_at_random(specs, draws):
    operators = Operators(specs)
    operators.check()
    assert operators.draws() is draws


def test_secrets_do_not_show():
    operators = Operators(
        {"A": {"type": "hash", "salt": SALT}, "B": {"type": "encrypt", "key": KEY}}
    )
    shown = repr(operators) + str(operators) + f"{operators!s}"
    assert SALT not in shown
    assert KEY not in shown
    assert "hash" in shown
    assert pickle.loads(pickle.dumps(operators)).configs()["B"].params == {"key": KEY}


MASK = {"type": "mask", "masking_char": "*", "from_end": True}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "replace", "newvalue": "X"}, "'newvalue' is not a parameter. Did you mean 'new_"),
        ({"type": "hash", "slat": SALT}, "'slat' is not a parameter. Did you mean 'salt'"),
        ({"type": "redact", "x": 1}, "Parameters are: none"),
        ({**MASK, "chars_to_mask": -1}, "chars_to_mask must be at least 1"),
        ({**MASK, "chars_to_mask": 0}, "chars_to_mask must be at least 1"),
    ],
)
def test_what_presidio_would_ignore_is_refused(spec, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Operators({"PERSON": spec}).check()
    assert SALT not in str(caught.value)


def test_a_refused_operator_does_not_quote_its_parameters():
    bad = Operators({"PERSON": {"type": "encrypt", "key": "short-secret"}})
    with pytest.raises(ConfigError, match="operator 'encrypt' for 'PERSON' is refused") as caught:
        bad.check()
    assert "short-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_presidios_own_config_is_taken():
    given = {"PERSON": OperatorConfig("replace", {"new_value": "X"})}
    anonymizer = Anonymizer(Operators(given))
    assert anonymizer.apply("Anna", [anonymizer.whole("Anna", "PERSON")])[0] == "X"
    assert anonymizer.apply("Anna", [anonymizer.whole("Anna", "OTHER")])[0] == "<OTHER>"


@pytest.mark.parametrize("spec", ["mask", {}, {"kind": "mask"}, None, 3])
def test_what_is_no_operator(spec):
    with pytest.raises(ConfigError, match="operators must be a mapping of entities to operators"):
        Operators(["tokenize"])
    with pytest.raises(ConfigError, match="must be a mapping with a 'type'"):
        Operators({"PERSON": spec})
