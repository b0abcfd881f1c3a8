"""Everything that may be configured, read once from environment variables and checked for type.

Secrets have no default: a process without them does not start. `docs/operations.md` explains each variable.
"""

from ipaddress import ip_network
from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _network(text: str) -> str:
    return str(ip_network(text))


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        Fernet(key.get_secret_value())
    except ValueError:
        raise ValueError("a master key is 32 random bytes in URL-safe base64") from None
    return key


Names = Annotated[list[str], NoDecode, BeforeValidator(_comma_separated)]
Networks = Annotated[list[Annotated[str, AfterValidator(_network)]], NoDecode, BeforeValidator(_comma_separated)]
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
    email_url: SecretStr | None = None
    """The mail server, `smtp://user:password@host:port?tls=starttls`; without it no mail is sent, and pages say so."""
    email_from: str = "AIM <aim@localhost>"
    outbound_allow: Networks = []
    """Networks that are not public and may be called all the same where somebody enters an address in them."""
    ledger_email: Names = []
    """Who is sent a checkpoint of the ledger every day."""
    ledger_webhook_url: str | None = None
    """Where the newest checkpoint is sent, at most once a minute."""
    ledger_webhook_secret: SecretStr | None = None
    """What the webhook is signed with (Standard Webhooks): at least 24 random characters."""
    s3_bucket: str | None = None
    """The bucket that keeps checkpoints, under `checkpoints/`."""
    s3_endpoint_url: str | None = None
    s3_region: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    google_client_id: str = ""
    google_client_secret: SecretStr = SecretStr("")
    microsoft_client_id: str = ""
    microsoft_client_secret: SecretStr = SecretStr("")
    microsoft_tenant: str = "organizations"
    """One tenant (its id or domain) whose e-mail addresses are believed; `organizations` admits all, believes none."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_server_url: str = ""
    oidc_name: str = "single sign-on"
    """What the button says after "Sign in with"."""


environment = Environment()  # type: ignore[call-arg]  # pydantic reads the variables
