"""The change from one key of a server to the next: agreed to, proved by challenge, and never twice.

Every step locks the server's row and looks again, so that a step that is asked for twice or late changes nothing.
"""

from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.contracts import Actor, ActorKind
from accounts.errors import PermissionDeniedError
from accounts.permissions import Permission
from agents.services.lifecycle import check_reason
from aim import clock
from aim.crypto.public_keys import PublicKeyInfo
from aim.errors import InvalidInputError, NotFoundError
from aim.ledger.events import Event
from mcp.alerts import ROTATION
from mcp.errors import RotationConflictError, ServerStatusError
from mcp.keys import Examination, is_accepted
from mcp.ledger_entries import key_data, record
from mcp.models import KeyRotation, McpServer, ServerKey, ServerStatus, VerificationRun, VerificationStatus
from mcp.selectors import locked_server, rotation_by_id, server_by_id
from mcp.services.events import Kind, Severity, mcp_system, note
from mcp.services.notices import tell
from mcp.services.reaching import check_reachable
from mcp.services.registration import make_server_key
from mcp.services.rotation_plan import RotationPlan as RotationPlan
from mcp.services.rotation_plan import examine_for, key_problems, plan_problems
from mcp.services.runs import start_run

State, Method = KeyRotation.State, KeyRotation.Method
Completion = KeyRotation.Completion
UNDER_WAY = (State.CONFIRMING, State.PROVING, State.ROLLING)
BY_OLD_KEY, BY_SECOND_ADMIN = "old_key", "second_admin"
# What refusals call a rotation that has gone on.
_STATES = {
    State.CONFIRMING: gettext_noop("confirming"),
    State.PROVING: gettext_noop("proving"),
    State.ROLLING: gettext_noop("in its rollover"),
    State.COMPLETED: gettext_noop("completed"),
    State.ABANDONED: gettext_noop("abandoned"),
}


def examine_new_key(actor: Actor, server_id: UUID, *, public_key: str, key_type: str | None = None) -> Examination:
    """The list of checks for a key that is being pasted, against the keys that the server has and had."""
    actor.require(Permission.MCP_WRITE)
    return examine_for(server_by_id(actor, server_id), public_key, key_type)


def start_rotation(actor: Actor, server_id: UUID, plan: RotationPlan) -> KeyRotation:
    """Begin to replace the server's key; nothing is signed with the new one before it is agreed to and proved.

    It waits for the old key's proof or a second admin where the server ever had a proved key, and otherwise for the
    proof of the new key alone. Raises `InvalidInputError` with every problem, `RotationConflictError`.
    """
    actor.require(Permission.MCP_WRITE)
    server = server_by_id(actor, server_id)
    examination = examine_for(server, plan.public_key, plan.key_type)
    problems = [*key_problems(examination), *plan_problems(server, plan)]
    if problems:
        # The key may be one that a rotation has just brought: that one is under way says more than that it is known.
        _check_none_under_way(server)
        raise InvalidInputError(tuple(problems))
    if plan.verification_url and plan.verification_url != server.verification_url:
        check_reachable(server, plan.verification_url, field="verification_url")
    assert examination.info is not None
    return _start(actor, server_id, plan, examination.info)


@transaction.atomic
def _start(actor: Actor, server_id: UUID, plan: RotationPlan, info: PublicKeyInfo) -> KeyRotation:
    server = locked_server(actor, server_id)
    if server.status == ServerStatus.RETIRED:
        raise ServerStatusError(server.status, "given a key")
    _check_none_under_way(server)
    if server.keys.exclude(status=ServerKey.Status.RETIRED).filter(thumbprint=info.thumbprint).exists():
        raise RotationConflictError(_("The server has this key already."))
    old = primary_key(server) or server.keys.filter(status=ServerKey.Status.UNPROVED).first()
    key = make_server_key(actor, server, info)
    immediate = plan.method == Method.IMMEDIATE
    rotation = KeyRotation.objects.create(
        server=server,
        old_key=old,
        new_key=key,
        method=plan.method,
        days=0 if immediate else plan.days,
        verification_url="" if plan.verification_url == server.verification_url else plan.verification_url,
        # A key that never proved anything has nothing to agree to; one that was revoked leaves it to a second admin.
        state=State.CONFIRMING if _has_proved_key(server) else State.PROVING,
        started_by_id=actor.id,
    )
    record(actor, Event.MCP_ROTATION_STARTED, server=server, data=_data(rotation))
    text = _("Key rotation started by %(person)s") % {"person": actor.label}
    note(server, Kind.KEY_ROTATION, Severity.LOW, text, _data(rotation))
    return rotation


def _check_none_under_way(server: McpServer) -> None:
    if server.rotations.filter(state__in=UNDER_WAY).exists():
        raise RotationConflictError(_("A key rotation is under way already. Complete or abandon it first."))


@transaction.atomic
def confirm_rotation(actor: Actor, server_id: UUID, *, rotation_id: UUID) -> KeyRotation:
    """The consent of a second admin, where the old key cannot sign: another person than the one who started it."""
    actor.require(Permission.MCP_ATTEST)
    actor.require_fresh()
    server = locked_server(actor, server_id)
    rotation = rotation_by_id(server, rotation_id)
    if actor.kind != ActorKind.PERSON:
        raise PermissionDeniedError(Permission.MCP_ATTEST)
    if rotation.state != State.CONFIRMING:
        raise RotationConflictError(
            _("This rotation is %(state)s; there is nothing to confirm.") % {"state": _words(rotation)}
        )
    if rotation.started_by_id is None or rotation.started_by_id == actor.id:
        raise RotationConflictError(_("A second admin must confirm the rotation: another person than who started it."))
    _confirm(actor, server, rotation, BY_SECOND_ADMIN)
    _begin_proof(None, rotation)
    return rotation


@transaction.atomic
def prove_rotation(actor: Actor, server_id: UUID, *, rotation_id: UUID) -> VerificationRun:
    """Begin the run that asks for what the rotation waits for: the old key's consent, then the new key's proof."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    rotation = rotation_by_id(server, rotation_id)
    if rotation.state not in {State.CONFIRMING, State.PROVING}:
        raise RotationConflictError(
            _("This rotation is %(state)s; there is nothing to prove.") % {"state": _words(rotation)}
        )
    return _begin_proof(actor, rotation)


def old_key_proved(run: VerificationRun) -> KeyRotation | None:
    """Called by a run, in its transaction, when the old key has signed a statement that names the new one."""
    server, rotation = _locked_for(run)
    if rotation is None or rotation.state != State.CONFIRMING:
        return rotation
    old = rotation.old_key
    if old is not None and old.status == ServerKey.Status.ACTIVE:
        _confirm(mcp_system(server), server, rotation, BY_OLD_KEY)
        _begin_proof(None, rotation)
    return rotation


def key_proved(run: VerificationRun) -> KeyRotation | None:
    """Called by a run, in its transaction, when the new key has signed its challenge: from now on it counts.

    Gradual: the new key is primary, the old one is accepted until the end of the rollover. Immediate: the old key is
    retired at once. Called again, or for a rotation that has ended, it changes nothing.
    """
    server, rotation = _locked_for(run)
    if rotation is None or rotation.state != State.PROVING:
        return rotation
    actor, now = mcp_system(server), clock.now()
    if not rotation.confirmed_how and _has_proved_key(server):
        # The old key was proved meanwhile: now there is something to agree to.
        rotation.state = State.CONFIRMING
        rotation.save(update_fields=["state"])
        return rotation
    rolls = (
        rotation.method == Method.GRADUAL and rotation.old_key is not None and rotation.old_key.proved_at is not None
    )
    rotation.proved_at = now
    rotation.ends_at = now + timedelta(days=rotation.days) if rolls else None
    # The old key goes first: there is one active key at a time.
    if rotation.old_key is not None and rotation.old_key.status != ServerKey.Status.RETIRED:
        if rolls:
            _leave(rotation)
        else:
            retire_key(rotation.old_key)
    _activate(rotation.new_key)
    if rotation.verification_url:
        server.verification_url = rotation.verification_url
        server.config_version += 1
        server.save(update_fields=["verification_url", "config_version", "updated_at"])
    rotation.state = State.ROLLING
    rotation.save(update_fields=["state", "proved_at", "ends_at"])
    record(actor, Event.MCP_ROTATION_PROVED, server=server, data=_data(rotation))
    note(server, Kind.KEY_ROTATION, Severity.LOW, _("New key verified"), _data(rotation))
    if not rolls:
        complete(actor, server, rotation, Completion.IMMEDIATE)
    return rotation


@transaction.atomic
def complete_rotation(actor: Actor, server_id: UUID, *, rotation_id: UUID) -> KeyRotation:
    """End a rollover before its time: the old key is no longer accepted from now on."""
    actor.require(Permission.MCP_WRITE)
    server = locked_server(actor, server_id)
    rotation = rotation_by_id(server, rotation_id)
    if rotation.state != State.ROLLING:
        raise RotationConflictError(
            _("This rotation is %(state)s; only a rollover can be completed.") % {"state": _words(rotation)}
        )
    complete(actor, server, rotation, Completion.EARLY)
    return rotation


@transaction.atomic
def abandon_rotation(actor: Actor, server_id: UUID, *, rotation_id: UUID, reason: str) -> KeyRotation:
    """Give up a rotation whose new key is not proved yet: the old key stays in charge."""
    actor.require(Permission.MCP_WRITE)
    check_reason(reason)
    server = locked_server(actor, server_id)
    rotation = rotation_by_id(server, rotation_id)
    if rotation.state not in {State.CONFIRMING, State.PROVING}:
        raise RotationConflictError(
            _("This rotation is %(state)s and cannot be abandoned.") % {"state": _words(rotation)}
        )
    abandon(actor, server, rotation, reason)
    return rotation


@transaction.atomic
def revoke_key(actor: Actor, server_id: UUID, *, key_id: UUID, reason: str) -> McpServer:
    """A key may be stolen: it is not accepted from now on. Without another proved key the server is unverified."""
    actor.require(Permission.MCP_LIFECYCLE)
    check_reason(reason)
    server = locked_server(actor, server_id)
    key = server.keys.filter(id=key_id).first()
    if key is None:
        raise NotFoundError
    if key.status == ServerKey.Status.RETIRED:
        raise RotationConflictError(_("This key is retired already: nothing accepts it."))
    rotation = rotation_under_way(server)
    retire_key(key)
    data = {"public_key": key_data(key), "reason": reason}
    record(actor, Event.MCP_KEY_REVOKED, server=server, data=data)
    if rotation is not None:
        _revoked_during(actor, server, rotation, key, reason)
    if primary_key(server) is None and server.verification == VerificationStatus.VERIFIED:
        server.verification = VerificationStatus.UNVERIFIED
        server.save(update_fields=["verification", "updated_at"])
    text = _("Key %(fingerprint)s… revoked: %(reason)s") % {"fingerprint": key.fingerprint[:11], "reason": reason}
    note(server, Kind.KEY_ROTATION, Severity.CRITICAL, text, data)
    details = [
        _("Fingerprint: %(fingerprint)s") % {"fingerprint": key.fingerprint},
        _("Reason: %(reason)s") % {"reason": reason},
        _("By: %(person)s") % {"person": actor.label},
    ]
    sentence = _("A key of %(server)s was revoked") % {"server": server.name}
    tell(server, ROTATION, sentence, details, once=f"mcp-revoked:{key.id.hex}")
    return server


def primary_key(server: McpServer) -> ServerKey | None:
    return server.keys.filter(status=ServerKey.Status.ACTIVE).first()


def rotation_under_way(server: McpServer) -> KeyRotation | None:
    rows = server.rotations.select_related("old_key", "new_key")
    return rows.filter(state__in=UNDER_WAY).first()


def complete(actor: Actor, server: McpServer, rotation: KeyRotation, how: KeyRotation.Completion) -> None:
    """Retire the old key and close the rotation. The caller holds the server's row and has looked at the state."""
    assert connection.in_atomic_block
    old, now = rotation.old_key, clock.now()
    if old is not None and old.status != ServerKey.Status.RETIRED:
        retire_key(old)
    rotation.state, rotation.completion, rotation.completed_at = State.COMPLETED, how, now
    rotation.save(update_fields=["state", "completion", "completed_at"])
    record(actor, Event.MCP_ROTATION_COMPLETED, server=server, data=_data(rotation))
    note(server, Kind.KEY_ROTATION, Severity.LOW, _("Key rotation completed"), _data(rotation))
    details = [
        _("Active key: %(fingerprint)s") % {"fingerprint": rotation.new_key.fingerprint},
        *([_("No longer accepted: %(fingerprint)s") % {"fingerprint": old.fingerprint}] if old is not None else []),
        _("Completed by: %(how)s") % {"how": Completion(how).label},
    ]
    sentence = _("Key rotation of %(server)s is complete") % {"server": server.name}
    tell(server, ROTATION, sentence, details, once=f"mcp-done:{rotation.id.hex}")


def abandon(actor: Actor, server: McpServer, rotation: KeyRotation, reason: str) -> None:
    """As `complete`, for a rotation that comes to nothing."""
    if rotation.new_key.status != ServerKey.Status.RETIRED:
        retire_key(rotation.new_key)
    rotation.state, rotation.reason, rotation.completed_at = State.ABANDONED, reason, clock.now()
    rotation.save(update_fields=["state", "reason", "completed_at"])
    record(actor, Event.MCP_ROTATION_ABANDONED, server=server, data={**_data(rotation), "reason": reason})
    text = _("Key rotation abandoned: %(reason)s") % {"reason": reason}
    note(server, Kind.KEY_ROTATION, Severity.MEDIUM, text, _data(rotation))


def retire_key(key: ServerKey) -> None:
    key.status, key.retired_at = ServerKey.Status.RETIRED, clock.now()
    if key.leaves_at is not None:
        # It has not been accepted since its end, however late this comes.
        key.retired_at = min(key.leaves_at, key.retired_at)
    key.save(update_fields=["status", "retired_at"])


def _has_proved_key(server: McpServer) -> bool:
    return server.keys.filter(proved_at__isnull=False).exists()


def _begin_proof(actor: Actor | None, rotation: KeyRotation) -> VerificationRun:
    return start_run(
        actor,
        rotation.server_id,
        purpose=VerificationRun.Purpose.NEW_KEY,
        trigger=VerificationRun.Trigger.ROTATION,
        key=rotation.new_key,
    )


def _confirm(actor: Actor, server: McpServer, rotation: KeyRotation, how: str) -> None:
    rotation.state, rotation.confirmed_how = State.PROVING, how
    rotation.confirmed_by_id = actor.id
    rotation.save(update_fields=["state", "confirmed_how", "confirmed_by"])
    record(actor, Event.MCP_ROTATION_CONFIRMED, server=server, data={**_data(rotation), "agreed": how})
    text = _("The old key has signed the change")
    if how != BY_OLD_KEY:
        text = _("Key rotation confirmed by %(person)s") % {"person": actor.label}
    note(server, Kind.KEY_ROTATION, Severity.LOW, text, _data(rotation))


def _locked_for(run: VerificationRun) -> tuple[McpServer, KeyRotation | None]:
    """The rotation whose new key the run is about, read under the lock that every other step takes first."""
    assert connection.in_atomic_block
    server = McpServer.objects.select_for_update(no_key=True).select_related(None).get(id=run.server_id)
    rows = server.rotations.select_related("old_key", "new_key")
    return server, rows.filter(new_key_id=run.key_id).order_by("-id").first() if run.key_id else None


def _activate(key: ServerKey) -> None:
    key.status, key.proved_at, key.leaves_at = ServerKey.Status.ACTIVE, key.proved_at or clock.now(), None
    key.save(update_fields=["status", "proved_at", "leaves_at"])


def _leave(rotation: KeyRotation) -> None:
    assert rotation.old_key is not None
    rotation.old_key.status, rotation.old_key.leaves_at = ServerKey.Status.LEAVING, rotation.ends_at
    rotation.old_key.save(update_fields=["status", "leaves_at"])


def _revoked_during(actor: Actor, server: McpServer, rotation: KeyRotation, key: ServerKey, reason: str) -> None:
    """What becomes of a rotation one of whose two keys may be stolen."""
    if key.id == rotation.new_key_id:
        rotation.new_key.refresh_from_db()
        old = rotation.old_key
        if old is not None and is_accepted(old, clock.now()):
            _activate(old)
        elif old is not None and old.status == ServerKey.Status.LEAVING:
            retire_key(old)
        abandon(actor, server, rotation, reason)
    elif rotation.old_key_id == key.id and rotation.old_key is not None:
        rotation.old_key.refresh_from_db()
        if rotation.state == State.ROLLING:
            complete(actor, server, rotation, Completion.REVOKED)
        elif rotation.confirmed_how == BY_OLD_KEY:
            # Whoever has stolen it may have signed the change.
            abandon(actor, server, rotation, reason)


def _words(rotation: KeyRotation) -> str:
    return _(_STATES[State(rotation.state)])


def _data(rotation: KeyRotation) -> dict[str, object]:
    return {
        "rotation": rotation.id.hex,
        "method": str(rotation.method),
        "days": rotation.days,
        "state": str(rotation.state),
        "completion": str(rotation.completion),
        "old_key": key_data(rotation.old_key) if rotation.old_key else None,
        "new_key": key_data(rotation.new_key),
        "verification_url": rotation.verification_url or None,
        "ends_at": clock.show_time(rotation.ends_at) if rotation.ends_at else None,
    }
