"""A YAML reader that refuses a key that is given twice."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from rai_scale.errors import ConfigError

_SHOWN = 80


def load_yaml(text: str | bytes, where: str) -> Any:
    """Read one YAML document, which may as well be JSON, into plain values.

    Parameters
    ----------
    text : str or bytes
    where : str
        Name of the text in errors.

    Raises
    ------
    ConfigError
        If it is not YAML, or a mapping has a key twice: YAML would keep the last value and drop the
        others. The message has line numbers and the key, and no value.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}: not valid YAML{line}.") from None
    except _RepeatedKey as error:
        raise ConfigError(f"{where}: {error}") from None
    except (ValueError, RecursionError) as error:  # such as a date that does not exist
        raise ConfigError(f"{where}: not valid YAML ({type(error).__name__}).") from None


class _RepeatedKey(Exception):
    pass


class _StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping without repeated keys; merged keys may be overridden."""
        lines: dict[Any, int] = {}
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            merge = key_node.tag == "tag:yaml.org,2002:merge"
            key = "<<" if merge else self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                continue  # the base class has the error for it
            if key in lines:
                raise _RepeatedKey(
                    f"key {key!r:.{_SHOWN}} is given twice in one mapping, at line {lines[key]} "
                    f"and at line {line}. Join the two or remove one."
                )
            lines[key] = line
        return super().construct_mapping(node, deep)
