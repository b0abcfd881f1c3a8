"""A resource as an agent names it, brought to the one spelling that scopes and rules compare.

The grammar is in `docs/decisions/0004-resources.md`.
"""

import re
from enum import StrEnum

import msgspec

from aim.resources.hosts import normalize_host, normalize_port, split_authority
from aim.resources.text import HostileResourceError as HostileResourceError
from aim.resources.text import check_characters, check_segment, decode_escapes, resolve_segments


class ResourceKind(StrEnum):
    PATH = "path"
    URL = "url"
    DATABASE = "database"
    NAME = "name"


class Resource(msgspec.Struct, frozen=True):
    """One thing that can be read, changed or reached.

    `text` is its normal form for people. `key` is what patterns compare: kind, authority and segments, each segment
    closed by a slash. `host` is that of a URL or database in lower case, or empty.
    """

    kind: ResourceKind
    text: str
    key: str
    host: str = ""


DATABASE_SCHEMES = frozenset(
    {
        *("bigquery", "clickhouse", "cockroachdb", "db2", "mariadb", "mongodb", "mssql", "mysql", "oracle", "postgres"),
        *("redis", "redshift", "snowflake"),
    }
)
SAME_SCHEMES = {"postgresql": "postgres", "rediss": "redis", "mongodb+srv": "mongodb", "sqlserver": "mssql"}
_NEEDS_SLASHES = frozenset({"ftp", "ftps", "gs", "http", "https", "mcp", "s3", "sftp", "ssh", "ws", "wss"})
_CODE_SCHEMES = frozenset({"about", "blob", "data", "jar", "javascript", "jdbc", "vbscript", "view-source"})
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")
_SHORT_NAME = re.compile(r"~[0-9]")

# Almost every resource is a plain path: ASCII without escapes, empty or dotted segments. Each segment ends with
# something else than a dot or a space, so `.` and `..` cannot match. Segments are divided by a character that they do
# not hold, which keeps the time linear.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_.@+=,~#!()\[\] -]*[A-Za-z0-9_@+=,~#!()\[\]-])+", re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:", re.ASCII)
_HOME = re.compile(r"~[a-z0-9_.-]*", re.ASCII | re.IGNORECASE)
_DOTTED = re.compile(r"[^\W\d][\w$-]*(?:\.[\w$-]+){1,3}")
_DATABASE_SEGMENT = re.compile(r"[\w$-]+")
_EMAIL = re.compile(r"[^\s@/\\:]+@[^\s@/\\:]+")
_MAX_PLAIN = 1024
_MAX_PLAIN_DEPTH = 64


def normalize_resource(text: str) -> Resource:
    """The resource that the text names; raises `HostileResourceError` where readers could understand different ones."""
    if len(text) <= _MAX_PLAIN and _PLAIN_PATH.fullmatch(text) and text.count("/") <= _MAX_PLAIN_DEPTH:
        return Resource(ResourceKind.PATH, text, f"path:{text}/")
    text = check_characters(text)
    if text[0] in "/~":
        return _posix_path(text)
    if text[0] == "\\" or _DRIVE.match(text):
        return _windows_path(text)
    return _named(text)


def _named(text: str) -> Resource:
    if match := _SCHEME.match(text):
        return _with_scheme(match[1].lower(), text[match.end() :])
    if _DOTTED.fullmatch(text):
        return _database("", "", text.split("."))
    if _EMAIL.fullmatch(text):
        return _mail(text)
    return _name("", text)


def _posix_path(text: str) -> Resource:
    root, _, _ = text.partition("/")
    if root and (not _HOME.fullmatch(root) or root.endswith(".")):
        raise HostileResourceError("After ~ comes a slash or the name of a user.")
    text = text[len(root) :]
    if text.startswith("//"):
        raise HostileResourceError("A path must not start with two slashes: some systems read a host there.")
    if "\\" in text:
        raise HostileResourceError("A path with slashes must not hold a backslash.")
    decoded = decode_escapes(text)
    _refuse_wildcards(decoded)
    segments = resolve_segments(check_characters(decoded).split("/")) if decoded else []
    path = "/".join([root, *segments])
    return Resource(ResourceKind.PATH, path or "/", f"path:{path}/")


def _windows_path(text: str) -> Resource:
    parts = text.replace("\\", "/").split("/")
    if text[0] == "\\":
        if len(parts) < 4 or parts[:2] != ["", ""] or parts[2] in {"", "?", ".", ".."} or not parts[3]:  # noqa: PLR2004 - \\server\share
            raise HostileResourceError(r"A path that starts with a backslash must have the form \\server\share.")
        root, parts = r"\\" + normalize_host(parts[2]), parts[3:]
    elif len(text) > 2 and not parts[0][2:]:  # noqa: PLR2004 - the drive and its colon
        root, parts = parts[0].lower(), parts[1:]
    else:
        raise HostileResourceError(r"A drive must be followed by a path, as in C:\x.")
    if any("%" in part for part in parts):
        raise HostileResourceError("A Windows path must not hold a percent sign.")
    segments = [segment.casefold() for segment in resolve_segments(parts)]
    for segment in segments:
        check_windows_segment(segment)
    path = "/".join([root, *segments])
    return Resource(ResourceKind.PATH, path, f"path:{path}/")


def check_windows_segment(segment: str) -> None:
    """Raise for devices, streams and short names, which are second names of something else."""
    _refuse_wildcards(segment)
    if any(mark in segment for mark in ':<>|"') or _WINDOWS_DEVICE.fullmatch(segment) or _SHORT_NAME.search(segment):
        raise HostileResourceError("A segment names a device, a stream or a short name of Windows.")


def _with_scheme(scheme: str, rest: str) -> Resource:
    if scheme in _CODE_SCHEMES:
        raise HostileResourceError(f"{scheme}: is not a resource that can be checked.")
    if scheme == "file":
        return _file_url(rest)
    if scheme == "mailto":
        return _mail(rest)
    if scheme == "db":
        return _database("", "", rest.split("."))
    if "\\" in rest:
        raise HostileResourceError("A resource with a scheme must not hold a backslash.")
    if rest.startswith("//"):
        return _url(SAME_SCHEMES.get(scheme, scheme), rest[2:])
    if scheme in _NEEDS_SLASHES or scheme in DATABASE_SCHEMES or scheme in SAME_SCHEMES:
        raise HostileResourceError(f"{scheme}: must be followed by two slashes and a host.")
    return _name(f"{scheme}:", rest)


def _file_url(rest: str) -> Resource:
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in {"", "localhost"}:
            raise HostileResourceError("A file URL must not name another host.")
        rest = slash + path
    if not rest.startswith("/") or "?" in rest or "#" in rest:
        raise HostileResourceError("A file URL must hold an absolute path and nothing else.")
    if _DRIVE.match(rest[1:]):
        return _windows_path(decode_escapes(rest[1:]))
    return _posix_path(rest)


def _url(scheme: str, rest: str) -> Resource:
    if " " in rest:
        raise HostileResourceError("A URL must not hold a space.")
    authority, mark, tail = _split_first(rest)
    if mark in {"?", "#"} and "@" in tail:
        raise HostileResourceError("A URL without a path must not hold @ behind its host.")
    host, port = split_authority(authority)
    if not host:
        raise HostileResourceError("The URL has no host.")
    host = normalize_host(host)
    root = f"{scheme}://{host}{normalize_port(scheme, port)}"
    path, question, query = (tail if mark == "/" else "").partition("#")[0].partition("?")
    if mark == "?":
        question, query = "?", tail.partition("#")[0]
    if scheme in DATABASE_SCHEMES:
        return _database(root, host, [part for part in re.split(r"[/.]", path) if part])
    decoded = decode_escapes(path)
    if "*" in decoded:
        raise HostileResourceError("A resource names one thing: it must not hold wildcards.")
    segments = resolve_segments(check_characters(decoded).split("/")) if decoded else []
    text = "/".join([root, *segments])
    return Resource(ResourceKind.URL, f"{text}{question}{query}", f"url:{text}/", host)


def _split_first(rest: str) -> tuple[str, str, str]:
    """The authority, the character that ends it, and what follows (RFC 3986 section 3.2)."""
    match = re.search(r"[/?#]", rest)
    return (rest, "", "") if match is None else (rest[: match.start()], match[0], rest[match.end() :])


def _database(root: str, host: str, parts: list[str]) -> Resource:
    if not root and not parts:
        raise HostileResourceError("The database resource has no name.")
    for part in parts:
        if not _DATABASE_SEGMENT.fullmatch(part) or "--" in part:
            raise HostileResourceError("Names in a database are letters, digits, _, $ and -, divided by dots.")
    # Databases fold unquoted names, each in its own way. A rule must not be avoided by a change of case.
    names = [part.casefold() for part in parts]
    text = f"{root}/{'.'.join(names)}" if root else ".".join(names)
    return Resource(ResourceKind.DATABASE, text, f"database:{'/'.join([root, *names])}/", host)


def _mail(text: str) -> Resource:
    if not _EMAIL.fullmatch(text) or any(mark in text for mark in '%?#,;"*'):
        raise HostileResourceError("The e-mail address is malformed; name one address and nothing else.")
    local, _, domain = text.rpartition("@")
    host = normalize_host(domain)
    address = f"{local.casefold()}@{host}"
    return Resource(ResourceKind.NAME, f"mailto:{address}", f"name:mailto:{address}/", host)


def _name(scheme: str, text: str) -> Resource:
    if not text:
        raise HostileResourceError("The resource has no name behind its scheme.")
    if "\\" in text or text[0] in "$%/":
        raise HostileResourceError("A name must not start with $, % or a slash, nor hold a backslash.")
    decoded = check_characters(decode_escapes(text))
    _refuse_wildcards(decoded)
    segments = decoded.split("/")
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise HostileResourceError("A name must not hold empty segments, `.` or `..`; a path starts with a slash.")
        check_segment(segment)
    name = scheme + "/".join(segments)
    return Resource(ResourceKind.NAME, name, f"name:{name}/" if scheme else f"name:/{name}/")


def _refuse_wildcards(text: str) -> None:
    if "*" in text or "?" in text:
        # Otherwise `/etc/pass*` would slip past a rule for `/etc/passwd` and be expanded by a shell.
        raise HostileResourceError("A resource names one thing: it must not hold wildcards.")
