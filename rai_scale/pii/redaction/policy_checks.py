"""What a policy makes of a schema, and whether every rule of it can apply."""

from __future__ import annotations

import pyarrow as pa

from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.names import shown_names
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.redaction.findings import DETAILS
from rai_scale.pii.redaction.rules import Policy
from rai_scale.pii.values.text_leaves import REMOVED, Treat, is_inside


def check_policy(policy: Policy, schema: pa.Schema, strict: bool = False) -> None:
    """Check that every rule can apply to something, as far as the schema shows.

    Parameters
    ----------
    policy : Policy
    schema : pyarrow.Schema
    strict : bool
        Refuse columns and leaves that no rule names, and leaves that ``redact`` cannot read.

    Raises
    ------
    ConfigError
    """
    if not policy.rules:
        raise ConfigError("no columns to redact; name at least one column.")
    if set(schema.names) <= set(policy.dropped):
        raise ConfigError("the policy drops every column; keep at least one.")
    _check_removed(policy)
    _check_restorable(policy)
    for name, node in policy.nodes.items():
        kind = schema.field(name).type
        if pa.types.is_binary(kind) and node.treat in (Treat.ANALYSE, Treat.REPLACE):
            raise ConfigError(f"column {name!r} is binary; decode it to text first.")
    _check_leaves(policy, schema)
    _check_types(policy, schema)
    if strict:
        _check_strict(policy, schema)


def check_languages(policy: Policy, schema: pa.Schema, config: AnalyzerConfig) -> None:
    """Check that languages have models, and that columns of languages are texts of the table.

    Raises
    ------
    ConfigError, MissingColumnError
    """
    for path, rule in policy.rules.items():
        code = rule.spec.language
        if code and code not in config.languages:
            raise ConfigError(
                f"policy.{path}: language {code!r} has no model; the languages are: "
                f"{', '.join(config.languages)}."
            )
    columns = policy.language_columns(config)
    check_columns(columns, schema.names)
    for name in columns:
        if not pa.types.is_string(schema.field(name).type):
            raise ConfigError(
                f"language_column {name!r} has type {schema.field(name).type}; it must hold the "
                "code of a language as text, such as 'en'."
            )


def output_schema(policy: Policy, schema: pa.Schema, details: bool) -> pa.Schema:
    """Return the schema of the computed columns.

    A column has the type text; one that is made null keeps its type, and nested values keep their
    structure.
    """
    fields = []
    for name in policy.worked:
        kind = schema.field(name).type
        if policy.nodes[name].treat is not Treat.EMPTY:
            kind = policy.fitted(name, schema).type if pa.types.is_nested(kind) else pa.string()
        fields.append(pa.field(name, kind))
    taken = [name for name in DETAILS.names if details and name in schema.names]
    if taken:
        raise ConfigError(
            f"details=True would replace the columns {taken} of the frame; drop or rename them."
        )
    return pa.schema([*fields, *(DETAILS if details else ())])


def _check_removed(policy: Policy) -> None:
    """Refuse rules below a value that is made null or removed, and values that cannot be."""
    for path, rule in policy.rules.items():
        treat, action = rule.spec.treat, rule.spec.action
        inside = [other for other in policy.rules if treat in REMOVED and is_inside(other, path)]
        if inside:
            raise ConfigError(f"{path!r} has action {action!r}, so {inside[0]!r} is not there.")
        if treat is Treat.DROP and path.endswith("[]") and path not in policy.nodes:
            raise ConfigError(f"{path!r}: items of a list cannot be dropped; drop {path[:-2]!r}.")
        if treat is Treat.EMPTY and path.endswith(".*") and path not in policy.nodes:
            raise ConfigError(f"{path!r} also names keys, which cannot be null; use 'drop'.")


def _check_restorable(policy: Policy) -> None:
    """Refuse tokens that are bound to their own value: only who knows it could restore it."""
    for path, rule in policy.rules.items():
        entity = None if rule.spec.treat is Treat.ANALYSE else rule.spec.named
        tokens = rule.spec.treat in (Treat.ANALYSE, Treat.REPLACE) and rule.spec.generalise is None
        if tokens and path in rule.operators.sealed_per(entity):
            raise ConfigError(
                f"column {path!r}: its tokens depend on its own values (per: {path}) and could "
                f"never be restored. Give this column an operator without 'per'."
            )


def _check_leaves(policy: Policy, schema: pa.Schema) -> None:
    """Raise :class:`ConfigError` for a rule whose leaf cannot exist under the schema."""
    fitted = {name: policy.fitted(name, schema) for name in policy.nodes}
    known = {rule for found in fitted.values() for rule in (*found.met, *found.open)}
    for path in policy.rules:
        if path not in known and path not in policy.nodes:
            around = [found for name, found in fitted.items() if is_inside(path, name)]
            paths = [leaf for found in around for leaf in found.paths]
            raise ConfigError(
                f"there is no leaf {path!r}.{did_you_mean(path, paths)} The leaves are: "
                f"{', '.join(paths)}."
            )


def _check_types(policy: Policy, schema: pa.Schema) -> None:
    """Refuse to generalise types that cannot be."""
    for name in policy.nodes:
        for rule, path, kind in policy.fitted(name, schema).replaced:
            generalise = policy.rules[rule].spec.generalise
            why = generalise.refuses(kind) if generalise else None
            if why:
                raise ConfigError(f"{path!r} has type {kind}: {why}.")


def _check_strict(policy: Policy, schema: pa.Schema) -> None:
    """Refuse what would be passed through although no rule says so."""
    shown = zip(schema.names, shown_names(schema.names), strict=True)
    unnamed = [as_shown for name, as_shown in shown if name not in policy.nodes]
    unread = []
    for name in policy.nodes:
        found = policy.fitted(name, schema)
        unnamed += found.unnamed
        unread += [f"{path} ({kind})" for path, kind in found.unread if path != name]
    lines = []
    if unnamed:
        lines.append(f"no rule names: {', '.join(dict.fromkeys(unnamed))}.")
    if unread:
        lines.append(f"redact reads text only, and would copy: {', '.join(dict.fromkeys(unread))}.")
    if lines:
        raise ConfigError(f"strict: {' '.join(lines)} Give each an action, such as keep or drop.")
