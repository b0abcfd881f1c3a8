"""Everything that may be configured, read once from environment variables and checked for type.

Secrets have no default: a process without them does not start. `docs/operations.md` explains each variable.
"""

from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        Fernet(key.get_secret_value())
    except ValueError:
        raise ValueError("a master key is 32 random bytes in URL-safe base64") from None
    return key


Names = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
MasterKey = Annotated[SecretStr, AfterValidator(_fernet_key)]
MasterKeys = Annotated[list[MasterKey], NoDecode, BeforeValidator(_comma_separated), Field(min_length=1)]


class Environment(BaseSettings):
    """One attribute a variable; the variable's name is `AIM_` and the attribute in capitals, but for two."""

    model_config = SettingsConfigDict(env_prefix="AIM_", secrets_dir=None, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    redis_url: SecretStr = Field(validation_alias="REDIS_URL")
    secret_key: SecretStr
    master_keys: MasterKeys
    """What encrypts the secrets in the database: the first encrypts, the others still decrypt."""
    origin: str = "http://127.0.0.1:8000"
    """The address people and agents use, scheme and host, without a path."""
    allowed_hosts: Names = ["127.0.0.1", "localhost", "[::1]"]
    trusted_proxies: Names = []
    """Networks whose X-Forwarded-For is believed, such as 10.0.0.0/8."""
    metrics_token: SecretStr | None = None
    """What a scraper from elsewhere must send as a bearer token; without it only loopback may read /metrics."""
    metrics_folder: str | None = Field(default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    """Where the processes of one machine share their metrics; set by `manage.py up`."""
    static_folder: str | None = None
    """Where `collectstatic` has put the files of the pages; the image of the product sets it."""
    log_level: str = "INFO"
    approval_seconds: int = Field(default=60, ge=5, le=3600)
    """How long an approval may be acted upon and completed."""
    pending_seconds: int = Field(default=900, ge=30, le=86_400)
    """How long a request waits for a person before it is denied."""
    queue_per_agent: int = Field(default=256, ge=1, le=100_000)
    """How many requests of one agent may wait in one process; the next is answered `Rate limit exceeded`."""
    queue_total: int = Field(default=4096, ge=1, le=1_000_000)
    """How many requests of all agents may wait in one process; the next is answered 503."""
    writer_connections: int = Field(default=2, ge=1, le=16)


environment = Environment()  # type: ignore[call-arg]  # pydantic reads the variables
