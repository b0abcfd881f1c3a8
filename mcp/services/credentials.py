"""The credential that AIM shows to a server: kept encrypted, never shown again, used at the very next run."""

import json
from collections.abc import Mapping
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.encryption import encrypt
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from mcp.certificates import facts_of
from mcp.credentials import CheckedCredential, check_credential
from mcp.errors import ServerStatusError
from mcp.ledger_entries import record
from mcp.models import AuthMethod, Certificate, Credential, McpServer, ServerStatus, VerificationRun, VerificationStatus
from mcp.selectors import locked_server
from mcp.services.certificates import keep_certificate
from mcp.services.events import Kind, Severity, note
from mcp.services.runs import start_run


@transaction.atomic
def set_credential(actor: Actor, server_id: UUID, *, method: str, fields: Mapping[str, str]) -> Credential:
    """Set or replace the credential, and with it how AIM authenticates. The server is examined with it at once.

    Raises `InvalidInputError` with every problem. A server that has been verified by another method is unverified.
    """
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    if server.status == ServerStatus.RETIRED:
        raise ServerStatusError(server.status, "changed")
    checked = check_credential(method, fields)
    if isinstance(checked, list):
        raise InvalidInputError(tuple(checked))
    if method == AuthMethod.MTLS and server.url.startswith("http:"):
        raise InvalidInputError((Problem("method", "needs_tls", gettext("Mutual TLS needs an https address.")),))
    credential = store_credential(actor, server, checked)
    start_run(actor, server.id, purpose=VerificationRun.Purpose.VERIFICATION, trigger=VerificationRun.Trigger.RENEWAL)
    return credential


def store_credential(actor: Actor, server: McpServer, checked: CheckedCredential) -> Credential:
    """Keep a credential that was found good, for a server whose row is locked."""
    assert connection.in_atomic_block
    credential, _ = Credential.objects.update_or_create(
        server=server,
        defaults={
            "method": checked.method,
            "encrypted": encrypt(json.dumps(dict(checked.secret)).encode()),
            "shown": dict(checked.shown),
            "expires_at": checked.expires_at,
            "set_by_id": actor.id,
        },
    )
    _change_method(server, checked.method)
    if checked.certificate is None:
        _forget_client_certificate(server)
    else:
        keep_certificate(server, facts_of(checked.certificate), role=Certificate.Role.CLIENT)
    data = {"method": checked.method, "shown": dict(checked.shown), "expires_at": _shown_time(credential)}
    record(actor, Event.MCP_CREDENTIAL_SET, server=server, data=data)
    note(server, Kind.CREDENTIAL, Severity.LOW, gettext("Credential set by %(person)s") % {"person": actor.label}, data)
    return credential


@transaction.atomic
def remove_credential(actor: Actor, server_id: UUID) -> McpServer:
    """Forget the credential; from now on AIM authenticates by nothing. Raises `NotFoundError` where there is none."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    credential = Credential.objects.filter(server=server).first()
    if credential is None:
        raise NotFoundError
    method = credential.method
    credential.delete()
    _forget_client_certificate(server)
    if server.status != ServerStatus.RETIRED:
        _change_method(server, AuthMethod.NONE)
    record(actor, Event.MCP_CREDENTIAL_REMOVED, server=server, data={"method": method})
    text = gettext("Credential removed by %(person)s") % {"person": actor.label}
    note(server, Kind.CREDENTIAL, Severity.MEDIUM, text, {"method": method})
    return server


def _change_method(server: McpServer, method: str) -> None:
    if server.auth_method == method:
        return
    server.auth_method = method
    server.config_version += 1
    server.verification = VerificationStatus.UNVERIFIED
    server.next_verification_at = clock.now()
    server.save(update_fields=["auth_method", "config_version", "verification", "next_verification_at", "updated_at"])


def _forget_client_certificate(server: McpServer) -> None:
    server.certificates.filter(role=Certificate.Role.CLIENT, current=True).update(current=False)


def _shown_time(credential: Credential) -> str | None:
    return clock.show_time(credential.expires_at) if credential.expires_at else None
