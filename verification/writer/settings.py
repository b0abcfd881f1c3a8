"""What the writer is told of its surroundings."""

from dataclasses import dataclass

from django.conf import settings as django_settings
from django.db import connections
from psycopg.conninfo import make_conninfo

_ALWAYS = (
    "-c synchronous_commit=on -c statement_timeout=1500ms -c idle_in_transaction_session_timeout=5s -c timezone=UTC"
    " -c jit=off"
)


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """`conninfo` gives up a locked row soon, `patient_conninfo` waits for it as long as the agent may wait."""

    conninfo: str
    patient_conninfo: str
    reader_conninfo: str
    connections: int
    approval_seconds: int
    pending_seconds: int
    queue_per_agent: int
    queue_total: int


def conninfo(options: str, *, name: str = "aim-writer") -> str:
    """How to connect to Django's database with these settings of the session, outside Django."""
    database = connections["default"].get_connection_params()
    known = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
    base = {key: database[key] for key in known if database.get(key)}
    return make_conninfo("", **base, connect_timeout=2, application_name=name, options=f"{_ALWAYS} {options}")


def writer_settings() -> WriterSettings:
    """The settings of this process, for the same database as Django's."""
    return WriterSettings(
        conninfo=conninfo("-c lock_timeout=100ms"),
        patient_conninfo=conninfo("-c lock_timeout=1400ms"),
        reader_conninfo=conninfo("-c lock_timeout=1000ms"),
        connections=django_settings.WRITER_CONNECTIONS,
        approval_seconds=django_settings.APPROVAL_SECONDS,
        pending_seconds=django_settings.PENDING_SECONDS,
        queue_per_agent=django_settings.QUEUE_PER_AGENT,
        queue_total=django_settings.QUEUE_TOTAL,
    )
