"""Whom AIM trusts when it calls a server, and what it shows of itself for mutual TLS."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from aim.outbound.lines import usual_tls
from aim.outbound.problems import ErrorCode, ProbeError
from mcp.models import AuthMethod
from mcp.probe.target import Target


def server_tls(target: Target) -> ssl.SSLContext:
    """For the server itself: its own authorities where it has any, else those of the operating system."""
    shows_certificate = target.auth_method == AuthMethod.MTLS and target.secret
    if not target.ca_certificate and not shows_certificate:
        return _shared()
    context = _trusting(target.ca_certificate) if target.ca_certificate else usual_tls()
    if shows_certificate:
        with _file_of(target.secret["certificate"].encode() + b"\n" + target.secret["private_key"].encode()) as path:
            try:
                context.load_cert_chain(path)
            except (ssl.SSLError, OSError) as error:
                text = f"The client certificate cannot be used: {error}"
                raise ProbeError(ErrorCode.AUTHENTICATION_FAILED, text) from None
    return context


def other_tls(target: Target) -> ssl.SSLContext:
    """For places beside the server, such as its source of tokens: the operating system's authorities and its own."""
    if not target.ca_certificate:
        return _shared()
    context = usual_tls()
    context.load_verify_locations(cadata=target.ca_certificate)
    return context


@lru_cache(maxsize=1)
def _shared() -> ssl.SSLContext:
    """One for all who trust the operating system's authorities alone: reading those takes 30 ms, every time."""
    return usual_tls()


def _trusting(pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A certificate that is named is trusted by itself, be it of an authority in between or of the server.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """The content under a name, because OpenSSL takes nothing else; in memory where the system can, never kept."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("credential"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name
