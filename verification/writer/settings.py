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


def writer_settings() -> WriterSettings:
    """The settings of this process, for the same database as Django's."""
    database = connections["default"].get_connection_params()
    known = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
    base = {name: database[name] for name in known if database.get(name)}

    def conninfo(lock_timeout: str) -> str:
        options = f"{_ALWAYS} -c lock_timeout={lock_timeout}"
        return make_conninfo("", **base, connect_timeout=2, application_name="aim-writer", options=options)

    return WriterSettings(
        conninfo=conninfo("100ms"),
        patient_conninfo=conninfo("1400ms"),
        reader_conninfo=conninfo("1000ms"),
        connections=django_settings.WRITER_CONNECTIONS,
        approval_seconds=django_settings.APPROVAL_SECONDS,
        pending_seconds=django_settings.PENDING_SECONDS,
        queue_per_agent=django_settings.QUEUE_PER_AGENT,
        queue_total=django_settings.QUEUE_TOTAL,
    )
