"""The time zone that times with a zone are converted to."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from rai_scale.errors import ConfigError, did_you_mean


@cache
def zone_of(name: str) -> tzinfo:
    """Return a zone of the IANA database by its name.

    Raises
    ------
    ConfigError
        If there is no zone of this name; abbreviations such as ``CET`` are refused, because engines
        interpret them differently.
    """
    if name == "UTC":
        return UTC
    known = sorted(zone for zone in available_timezones() if "/" in zone)
    if name not in known:
        raise ConfigError(
            f"time_zone: {name!r} is not a zone of the IANA database.{did_you_mean(name, known)} "
            "Examples: UTC, Europe/Berlin, America/New_York."
        )
    return ZoneInfo(name)


def local(value: datetime, time_zone: str) -> datetime:
    """Return a time as the local time of a zone; a time without a zone is unchanged."""
    return value.astimezone(zone_of(time_zone)).replace(tzinfo=None) if value.tzinfo else value
