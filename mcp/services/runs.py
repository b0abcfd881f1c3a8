"""Runs of the steps that prove a server: begun here, carried out by a worker, once however often it is told to.

See `mcp.services.outcomes` for what a run leads to.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError

from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.errors import NotFoundError
from aim.outbound.steps import Name, Progress, steps_of
from mcp.errors import ServerStatusError
from mcp.models import KeyRotation, McpServer, ServerKey, ServerStatus, VerificationRun, VerificationStatus
from mcp.probe.client import RUN_SECONDS
from mcp.selectors import locked_server

Purpose, State, Method = VerificationRun.Purpose, VerificationRun.State, VerificationRun.Method
UNDER_WAY = (State.WAITING, State.RUNNING)
LOST_AFTER = timedelta(seconds=RUN_SECONDS + 60)
"""A run that has been under way for so long has lost its worker."""
WAITS_AT_MOST = timedelta(minutes=30)
"""A run that no worker has taken up by then is given up: what it was asked for may be long out of date."""
_TOLD_AGAIN_AFTER = timedelta(seconds=20)
_TOLD_AT_ONCE = 8
"""Of those that wait for longer, in each state of verification: enough for places that nobody has taken. A place that
becomes free finds the next by itself, and more messages would keep the workers from everything else."""
_PROOF = (Name.CHALLENGE, Name.SIGNATURE)
_TEST = (Name.CONNECT, Name.AUTHENTICATE, Name.TLS, Name.HEALTH, Name.CAPABILITIES)
_NAMES = {
    Purpose.VERIFICATION: (*_TEST, *_PROOF),
    Purpose.NEW_KEY: (Name.CONNECT, Name.TLS, *_PROOF),
    Purpose.TEST: _TEST,
}
_TEST_TITLES = {
    "connect": "Connecting",
    "authenticate": "Authenticating",
    "tls": "Verifying TLS",
    "health": "Health check",
    "capabilities": "Capability test",
}
_OLD_KEY_TITLES = {
    "connect": "Connecting to verification URL",
    "challenge": "Sending challenge that names the NEW key",
    "signature": "AIM verifies signature with OLD public key",
}
_NEW_KEY_TITLES = {
    "connect": "Connecting to verification URL",
    "challenge": "Sending challenge signed with NEW key requirement",
    "signature": "AIM verifies signature with NEW public key",
}


@transaction.atomic
def start_run(
    actor: Actor | None,
    server_id: UUID,
    *,
    purpose: str,
    trigger: str,
    key: ServerKey | None = None,
    here: bool = False,
) -> VerificationRun:
    """Have a server examined, by a person or, without an actor, by a rule of the product's own.

    While a run of the same purpose is under way, that one is answered. `key` is the one to prove, for a new key. With
    `here` the caller carries it out, and no worker is told.
    Raises `NotFoundError`, `ServerStatusError` for a retired server.
    """
    if actor is None:
        server = McpServer.objects.select_for_update(no_key=True).filter(id=server_id).first()
        if server is None:
            raise NotFoundError
    else:
        actor.require(Permission.MCP_WRITE)
        server = locked_server(actor, server_id)
    if server.status == ServerStatus.RETIRED:
        raise ServerStatusError(server.status, "verified")
    held = server.runs.filter(purpose=purpose, state__in=UNDER_WAY).first()
    if held is not None:
        if not is_lost(held) and held.key_id == (key.id if key else None):
            return held
        abandon(held, gettext_noop("Another run has taken its place."))
    run = VerificationRun.objects.create(
        server=server,
        purpose=purpose,
        trigger=trigger,
        method=_method(server, purpose),
        key=key,
        steps=Progress(
            steps_of(_NAMES[Purpose(purpose)], **_titles(server, purpose, key)), lambda _steps: None
        ).shown(),
        started_by_id=actor.id if actor else None,
    )
    if not here:
        transaction.on_commit(lambda: _tell_worker(run.id))
    return run


def perform_run(run_id: UUID) -> VerificationRun | None:
    """Carry out a run that waits, from the first step to what it leads to; None where nobody waits for it."""
    # The outcome of a run may complete a rotation, whose module begins runs by this one.
    from mcp.services.performing import perform  # noqa: PLC0415 - see above

    return perform(run_id)


def is_lost(run: VerificationRun) -> bool:
    """Whether nobody will ever end this run."""
    if run.state == State.WAITING:
        return run.created_at < clock.now() - WAITS_AT_MOST
    return run.started_at is not None and run.started_at < clock.now() - LOST_AFTER


def abandon(run: VerificationRun, reason: str) -> bool:
    """Give up a run that is under way; it says nothing about its server. False where it has ended meanwhile."""
    steps = [{**step, "result": "skipped"} if step["result"] in _OPEN else step for step in run.steps]
    found = VerificationRun.objects.filter(id=run.id, state__in=UNDER_WAY)
    return found.update(state=State.ABANDONED, error=reason, steps=steps, finished_at=clock.now()) > 0


def tend_runs() -> tuple[int, int]:
    """Give up the runs whose worker is gone, and tell the workers again of those that wait; answers how many."""
    now = clock.now()
    lost = Q(state=State.RUNNING, started_at__lt=now - LOST_AFTER)
    lost |= Q(state=State.WAITING, created_at__lt=now - WAITS_AT_MOST)
    abandoned = sum(
        abandon(run, gettext_noop("The worker that carried it out is gone.")) for run in _under_way().filter(lost)
    )
    waiting = VerificationRun.objects.filter(state=State.WAITING, created_at__lt=now - _TOLD_AGAIN_AFTER)
    forgotten = [
        run_id
        for lane in VerificationStatus
        for run_id in waiting.filter(server__verification=lane)
        .order_by("created_at")
        .values_list("id", flat=True)[:_TOLD_AT_ONCE]
    ]
    for run_id in forgotten:
        _tell_worker(run_id)
    return abandoned, len(forgotten)


def next_waiting(verification: VerificationStatus) -> UUID | None:
    """The run that has waited longest for a worker, of the servers in that state of verification."""
    waiting = VerificationRun.objects.filter(
        state=State.WAITING, server__verification=verification, created_at__gte=clock.now() - WAITS_AT_MOST
    )
    # Those are carried out by whoever has begun them.
    others = waiting.exclude(trigger__in=(VerificationRun.Trigger.SCHEDULE, VerificationRun.Trigger.COMMAND))
    return others.order_by("created_at").values_list("id", flat=True).first()


_OPEN = frozenset({"waiting", "running"})


def _under_way() -> QuerySet[VerificationRun]:
    return VerificationRun.objects.filter(state__in=UNDER_WAY)


def _tell_worker(run_id: UUID) -> None:
    """Without a broker the run begins with the next turn of beat."""
    from mcp.tasks import perform_run as task  # noqa: PLC0415 - the task calls what this module defines

    try:
        task.apply_async((run_id.hex,), retry=False)
    except (OperationalError, OSError):
        return


def _method(server: McpServer, purpose: str) -> str:
    if purpose == Purpose.NEW_KEY or (purpose == Purpose.VERIFICATION and server.verify_signature):
        return Method.CHALLENGE
    return Method.CERTIFICATE if server.verify_tls and server.url.startswith("https:") else Method.HEALTH


def _titles(server: McpServer, purpose: str, key: ServerKey | None) -> Mapping[str, str]:
    """What steps are called where they are not what they are in a verification."""
    if purpose == Purpose.TEST:
        return _TEST_TITLES
    if purpose != Purpose.NEW_KEY:
        return {}
    asks_old = server.rotations.filter(new_key=key, state=KeyRotation.State.CONFIRMING).exists()
    return _OLD_KEY_TITLES if asks_old else _NEW_KEY_TITLES
