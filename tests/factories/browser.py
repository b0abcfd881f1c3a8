"""A browser with an address of its own: attempts to sign in are counted by address, also over several runs."""

import secrets
from ipaddress import IPv6Address

from django.test import Client


def random_address() -> str:
    return str(IPv6Address(0x2001_0DB8 << 96 | secrets.randbits(96)))


def new_browser(*, csrf: bool = False) -> Client:
    return Client(enforce_csrf_checks=csrf, REMOTE_ADDR=random_address())
