"""Several Delta tables that are replaced together: all of them, or none if the work fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rai_scale.engines.protocol import Engine
from rai_scale.tables.delete import delete_table
from rai_scale.tables.paths import Place
from rai_scale.tables.pointer import names_in
from rai_scale.tables.readers.delta_log import delta_table

_LOG = logging.getLogger(__name__)


@contextmanager
def all_or_none(
    tables: Sequence[Place], engine: Engine, finished: Callable[[], bool]
) -> Iterator[None]:
    """Put tables back to their versions of before if the block raises.

    A table that was not there before is deleted. A process that is killed cannot do this: its
    tables are then each old or new.

    Parameters
    ----------
    tables : sequence of Place
    engine : Engine
    finished : callable
        Whether an error came too late, when readers already see the new tables as a whole.
    """
    before = [(table, _version(table, engine)) for table in tables]
    try:
        yield
    except BaseException:
        if not finished():
            for table, version in before:
                _put_back(table, version, engine)
        raise


def _version(table: Place, engine: Engine) -> int | None:
    if "_delta_log" not in names_in(table):
        return None
    if engine.name == "spark":
        history = f"DESCRIBE HISTORY delta.`{table.url}` LIMIT 1"
        return int(engine.session.sql(history).first()["version"])  # type: ignore[attr-defined]
    return int(delta_table(table.url).version())


def _put_back(table: Place, version: int | None, engine: Engine) -> None:
    try:
        if _version(table, engine) == version:
            return
        if version is None:
            delete_table(table.url)
        elif engine.name == "spark":
            restore = f"RESTORE TABLE delta.`{table.url}` TO VERSION AS OF {version}"
            engine.session.sql(restore).collect()  # type: ignore[attr-defined]
        else:
            delta_table(table.url).restore(version)
    except Exception as error:  # the error that ended the work is the one to show
        kind = type(error).__name__
        _LOG.error("%s could not be put back to version %s: %s", table.url, version, kind)
