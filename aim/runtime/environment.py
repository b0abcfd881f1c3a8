"""The environment of a command before Django reads any setting: as given, or that of the product in the data folder."""

import base64
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aim.runtime.postgres import Postgres
from aim.runtime.valkey import Valkey

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT_FILE = "environment"
REQUIRED = ("DATABASE_URL", "REDIS_URL", "AIM_SECRET_KEY", "AIM_MASTER_KEYS")

# These read the settings and the code only. Everything else, above all whatever serves, needs the real thing.
WITHOUT_SERVERS = frozenset(
    {
        *("", "help", "--help", "-h", "version", "--version"),
        *("check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "makemessages"),
        *("makemigrations", "spectacular"),
    }
)
_NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@/nowhere?host=/nonexistent",
    "REDIS_URL": "unix:///nonexistent",
}


def data_folder(argv: Sequence[str]) -> Path:
    """Return `--data DIR` of `up`, else AIM_DATA, else `var` in the checkout."""
    for position, argument in enumerate(argv):
        if argument == "--data" and position + 1 < len(argv):
            return Path(argv[position + 1]).absolute()
        if argument.startswith("--data="):
            return Path(argument.removeprefix("--data=")).absolute()
    return Path(os.environ.get("AIM_DATA") or CHECKOUT / "var").absolute()


def prepare_environment(argv: Sequence[str]) -> None:
    """Complete `os.environ` for the command in `argv`, or end with one sentence that says what is missing.

    `up` brings its own servers. A command beside a running product finds it through the file in the data folder,
    which is not read when DATABASE_URL is set, unless AIM_DATA names the folder.
    """
    command = argv[1] if len(argv) > 1 else ""
    if command == "up" and not {"-h", "--help"} & set(argv):
        folder = data_folder(argv)
        os.environ["AIM_DATA"] = str(folder)
        try:
            _fill(product_environment(folder))
        except OSError as error:
            sys.exit(f"{folder} cannot be used: {error.strerror}. Choose another with --data DIR.")
        return
    if "DATABASE_URL" not in os.environ or "AIM_DATA" in os.environ:
        _fill(read_environment(data_folder([])))
    missing = [name for name in REQUIRED if name not in os.environ]
    if not missing:
        return
    if command in WITHOUT_SERVERS or {"-h", "--help"} & set(argv):
        _fill(_NOWHERE | new_secrets())
        return
    sys.exit(
        f"AIM is not configured here ({', '.join(missing)} not set): "
        "start it with `make up`, or set the variables of docs/operations.md."
    )


def product_environment(folder: Path) -> dict[str, str]:
    """Return the product's variables: its secrets, made at the first start, and the addresses of its own servers.

    The addresses follow from the folder, so a folder that was moved keeps working.
    """
    known = read_environment(folder)
    known.pop("AIM_ORIGIN", None)  # It follows from --host and --port of each start.
    password = urlsplit(known.get("DATABASE_URL", "")).password or secrets.token_urlsafe(24)
    values = {
        **new_secrets(),
        **known,
        "DATABASE_URL": Postgres(folder, password=password).url(),
        "REDIS_URL": Valkey(folder).url(),
    }
    if values != known:
        folder.mkdir(parents=True, exist_ok=True)
        write_environment(folder, values)
    return values


def new_secrets() -> dict[str, str]:
    """What every installation must have of its own."""
    master_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {"AIM_SECRET_KEY": secrets.token_urlsafe(50), "AIM_MASTER_KEYS": master_key}


def read_environment(folder: Path) -> dict[str, str]:
    """Read what `up` wrote for the commands beside it; empty when nothing was ever started in `folder`."""
    try:
        lines = (folder / ENVIRONMENT_FILE).read_text().splitlines()
    except FileNotFoundError:
        return {}
    except PermissionError:
        sys.exit(f"{folder / ENVIRONMENT_FILE} belongs to another user: run this command as the user who started AIM.")
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write_environment(folder: Path, values: dict[str, str]) -> None:
    """Replace the file in one step, readable by its owner only."""
    text = "# Written by `manage.py up`. Secrets: keep this file with the data and show it to nobody.\n"
    text += "".join(f"{name}={value}\n" for name, value in values.items())
    unfinished = folder / f"{ENVIRONMENT_FILE}.new"
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(folder / ENVIRONMENT_FILE)


def _fill(values: dict[str, str]) -> None:
    for name, value in values.items():
        os.environ.setdefault(name, value)
