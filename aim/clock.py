"""The one place that asks for the time, so that tests can set it and nothing mixes zones."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment in UTC, by this machine's clock."""
    return datetime.now(UTC)


def show_time(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, as every answer of the API writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at_seconds(moment: float) -> datetime:
    """The moment so many seconds after the beginning of 1970."""
    return datetime.fromtimestamp(moment, UTC)
