"""Hosts of URLs in one spelling: lower case, IDNA 2008, no disguised addresses."""

import ipaddress
import re

import idna

from aim.resources.text import HostileResourceError

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "ftps": 990, "ssh": 22, "sftp": 22}
DEFAULT_PORTS |= {"postgres": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "mongodb": 27_017, "redis": 6379}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_MAX_HOST = 253
_MAX_PORT = 65_535


def split_authority(authority: str) -> tuple[str, str | None]:
    """Host (IPv6 still in brackets) and port as written; raises for user information."""
    if "@" in authority:
        raise HostileResourceError("A URL must not carry user information (the part before @).")
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise HostileResourceError("The IPv6 address is malformed.")
        return host + "]", rest[1:] if rest else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def normalize_port(scheme: str, port: str | None) -> str:
    """`:8443`, or nothing for the default port of the scheme."""
    if port is None:
        return ""
    if not _PORT.fullmatch(port) or int(port) > _MAX_PORT:
        raise HostileResourceError("The port is not a number from 1 to 65535.")
    return "" if DEFAULT_PORTS.get(scheme) == int(port) else f":{port}"


def normalize_host(host: str) -> str:
    """The host in lower case, in ASCII and without the root's dot."""
    if host.startswith("["):
        return _normalize_ipv6(host[1:-1])
    host = host.removesuffix(".")
    labels = host.lower().split(".") if host.isascii() else _encode_idna(host)
    if len(host) > _MAX_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise HostileResourceError("The host is not a valid name.")
    if _NUMERIC.fullmatch(labels[-1]):
        return _normalize_ipv4(".".join(labels))
    for label in labels:
        if label.startswith("xn--"):
            _check_punycode(label)
    return ".".join(labels)


def _encode_idna(host: str) -> list[str]:
    try:
        return idna.encode(host.lower(), std3_rules=True).decode("ascii").split(".")
    except (idna.IDNAError, UnicodeError):
        raise HostileResourceError("The host is not a valid internationalized name (IDNA 2008).") from None


def _check_punycode(label: str) -> None:
    try:
        idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        raise HostileResourceError("The host has an invalid punycode label.") from None


def _normalize_ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        # 0x7f.1, 2130706433 and 0177.0.0.1 are all 127.0.0.1 to some readers.
        raise HostileResourceError("An IPv4 address must be four plain decimal numbers.") from None


def _normalize_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise HostileResourceError("The IPv6 address is malformed.") from None
    if address.scope_id is not None:
        raise HostileResourceError("An IPv6 address must not have a zone.")
    if address.ipv4_mapped or address.sixtofour or address.teredo or address in ipaddress.IPv6Network("64:ff9b::/96"):
        raise HostileResourceError("An IPv4 address must not hide in an IPv6 address.")
    if address in ipaddress.IPv6Network("::/96") and int(address) > 1:
        raise HostileResourceError("An IPv4 address must not hide in an IPv6 address.")
    return f"[{address}]"
