"""How a server comes into the registry, and changes of what is configured of it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.crypto.problems import InvalidPublicKeyError
from aim.crypto.public_keys import PublicKeyInfo, parse_public_key
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event
from mcp.configuration import DEFAULTS, FIELDS, configuration_of, configuration_problems
from mcp.credentials import CheckedCredential, check_credential
from mcp.errors import ServerNameTakenError, ServerStatusError, invalid_server_key
from mcp.ledger_entries import key_data, record
from mcp.models import AuthMethod, McpServer, ServerKey, ServerStatus, VerificationRun, VerificationStatus
from mcp.selectors import locked_server, unknown_agents
from mcp.services.credentials import store_credential
from mcp.services.runs import start_run

Purpose, Trigger = VerificationRun.Purpose, VerificationRun.Trigger

# What a run has shown says nothing of a server that is somewhere else, or proves itself in another way.
_MAKES_UNVERIFIED = {"url", "verification_url", "ca_certificate", "auth_method", "protocol"}


def register_server(
    actor: Actor,
    configuration: Mapping[str, Any],
    *,
    public_key: str | None = None,
    key_type: str | None = None,
    credential: Mapping[str, str] | None = None,
) -> McpServer:
    """Register a server of the actor's organization: active, and unverified until a run, begun at once, has proved it.

    `configuration` has the fields of `mcp.configuration`; those with a default may be left out, and without a key no
    signature is asked for unless `verify_signature` says so. `credential` has the fields of the method of
    authentication, see `mcp.credentials`. Raises `InvalidInputError` with every problem, `ServerNameTakenError`.
    """
    actor.require(Permission.MCP_WRITE)
    defaults = {**DEFAULTS, "verify_signature": bool(public_key)}
    complete = {field: configuration.get(field, defaults.get(field)) for field in FIELDS}
    problems = _problems(actor, complete)
    info = None
    if public_key:
        # The search for weak keys takes its time, so it comes before the transaction.
        try:
            info = parse_public_key(public_key, declared_type=key_type)
        except InvalidPublicKeyError as error:
            problems += invalid_server_key(error).problems
    checked = None
    if credential is not None and complete["auth_method"] != AuthMethod.NONE:
        checked = check_credential(complete["auth_method"], credential)
        if isinstance(checked, list):
            problems += [Problem(f"credential.{found.field}", found.code, found.message) for found in checked]
    if problems:
        raise InvalidInputError(tuple(problems))
    assert not isinstance(checked, list)
    return _register(actor, complete, info, checked)


@transaction.atomic
def _register(
    actor: Actor,
    configuration: Mapping[str, Any],
    info: PublicKeyInfo | None,
    credential: CheckedCredential | None,
) -> McpServer:
    if actor.organization_id is None:
        raise NotFoundError
    server = McpServer(
        organization_id=actor.organization_id,
        owner_id=actor.id,
        # Should the run that is begun here get lost, the schedule begins another.
        next_verification_at=clock.now(),
        **configuration,
    )
    _save(server)
    key = make_server_key(actor, server, info) if info else None
    data = {"configuration": configuration_of(server), "public_key": key_data(key) if key else None}
    record(actor, Event.MCP_SERVER_REGISTERED, server=server, data=data)
    if credential is not None:
        store_credential(actor, server, credential)
    start_run(actor, server.id, purpose=Purpose.VERIFICATION, trigger=Trigger.REGISTRATION)
    return server


@transaction.atomic
def update_server(actor: Actor, server_id: UUID, *, changes: Mapping[str, Any]) -> McpServer:
    """Change the given fields of `mcp.configuration`; nothing is recorded where none of them differs."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    if server.status == ServerStatus.RETIRED:
        raise ServerStatusError(server.status, "changed")
    before = configuration_of(server)
    after = {**before, **changes}
    if problems := _problems(actor, after):
        raise InvalidInputError(tuple(problems))
    differing = {
        field: {"before": before[field], "after": after[field]} for field in FIELDS if before[field] != after[field]
    }
    if not differing:
        return server
    for field in differing:
        setattr(server, field, after[field])
    if differing.keys() & _MAKES_UNVERIFIED:
        server.verification = VerificationStatus.UNVERIFIED
        server.next_verification_at = clock.now()
    server.config_version += 1
    _save(server)
    data = {"changes": differing, "config_version": server.config_version, "verification": str(server.verification)}
    record(actor, Event.MCP_SERVER_UPDATED, server=server, data=data)
    if differing.keys() & _MAKES_UNVERIFIED:
        trigger = Trigger.RENEWAL if "ca_certificate" in differing else Trigger.MANUAL
        start_run(actor, server.id, purpose=Purpose.VERIFICATION, trigger=trigger)
    return server


def make_server_key(actor: Actor, server: McpServer, info: PublicKeyInfo) -> ServerKey:
    """The row of a key that is yet to be proved."""
    return ServerKey.objects.create(
        server=server,
        key_type=info.key_type,
        bits=info.bits,
        pem=info.pem,
        fingerprint=info.fingerprint,
        thumbprint=info.thumbprint,
        proposed_by_id=actor.id,
    )


def _problems(actor: Actor, configuration: Mapping[str, Any]) -> list[Problem]:
    problems = configuration_problems(configuration)
    named = configuration["allowed_agents"]
    problems += [
        Problem(f"allowed_agents[{position}]", "unknown", _("Unknown agent: %(id)s") % {"id": named[position][:80]})
        for position in unknown_agents(actor, named)
    ]
    return problems


def _save(server: McpServer) -> None:
    """Write the row; the database decides which of two servers gets a name. Raises `ServerNameTakenError`."""
    try:
        with transaction.atomic():
            server.save()
    except IntegrityError as error:
        if "mcp_server_name_once_per_org" in str(error):
            raise ServerNameTakenError from None
        raise
