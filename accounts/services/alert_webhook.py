"""An organization's webhook for alerts: where, which kinds, and the secret that signs what is sent.

Calls wait in the database and are made by the worker, so that a receiver that is down misses nothing for two days.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext, ngettext

from accounts.alerts import AlertKind, kinds_by_role
from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import AlertCall, AlertWebhook
from accounts.permissions import Permission
from accounts.services.organizations import lock_organization
from aim import clock
from aim.encryption import UndecryptableError, decrypt, encrypt
from aim.errors import ConflictError, InvalidInputError, Problem
from aim.ledger.events import Event
from aim.outbound.backend import RefusedError
from aim.outbound.calls import UnreachableError, call, check_url

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)
MOST_ATTEMPTS = 20
"""With the pauses above: about two days."""
_BATCH = 20
_KEPT = timedelta(days=30)
_LONGEST_URL, _LONGEST_ERROR = 500, 300
_SUCCESS = range(200, 300)
TEST = "test"


class NoWebhookError(ConflictError):
    code = "no_webhook"

    def __init__(self) -> None:
        super().__init__(gettext("The organization has no webhook."))


@transaction.atomic
def set_alert_webhook(actor: Actor, *, url: str, kinds: Sequence[str]) -> str | None:
    """Where alerts of these kinds are posted; answers the secret where the address is new, which is shown once.

    Raises `InvalidInputError` for an address that may not be called and for kinds that do not exist, and
    `ProofRequiredError` in a session that was left open: whoever gets the alerts learns much.
    """
    actor.require(Permission.ORGANIZATION_WRITE)
    actor.require_fresh()
    organization = lock_organization(actor.scope)
    known = [kind.code for kind in kinds_by_role() if not kind.installation and kind.events]
    _check(url, [code for code in kinds if code not in known])
    chosen = [code for code in known if code in kinds]
    row = AlertWebhook.objects.filter(organization=organization).first()
    before = {"url": row.url, "kinds": row.kinds} if row else {"url": None, "kinds": []}
    after = {"url": url, "kinds": chosen}
    if before == after:
        return None
    secret = None
    if row is None or row.url != url:
        # Whoever held the old address must not be able to sign for the new one.
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        row = AlertWebhook(organization=organization, secret=encrypt(secret.encode()))
    row.url, row.kinds = url, chosen
    row.save()
    changes = {name: {"before": before[name], "after": after[name]} for name in after if before[name] != after[name]}
    _record(actor, Event.ALERT_WEBHOOK_CHANGED, row, {"changes": changes})
    return secret


@transaction.atomic
def remove_alert_webhook(actor: Actor) -> None:
    """Nothing more is posted, and what waits is dropped. Raises `NoWebhookError`."""
    actor.require(Permission.ORGANIZATION_WRITE)
    lock_organization(actor.scope)
    row = _webhook(actor.scope)
    _record(actor, Event.ALERT_WEBHOOK_REMOVED, row, {"url": row.url})
    AlertCall.objects.filter(organization_id=actor.scope).delete()
    row.delete()


@transaction.atomic
def send_test_alert(actor: Actor) -> AlertCall:
    """Queue a call that says it is a test. Raises `NoWebhookError`."""
    actor.require(Permission.ORGANIZATION_WRITE)
    row = _webhook(actor.scope)
    body = {"type": "alert.test", "timestamp": clock.show_time(clock.now()), "data": {"sentence": "A test from AIM."}}
    return AlertCall.objects.create(
        organization_id=row.organization_id, kind=TEST, body=body, once=None, next_try_at=clock.now()
    )


def queue_alert_call(organization_id: UUID, kind: AlertKind, entry_id: UUID, body: Mapping[str, Any]) -> None:
    """In the caller's transaction, once an entry; nothing where the organization has not asked for the kind."""
    row = AlertWebhook.objects.filter(organization_id=organization_id, kinds__contains=[kind.code]).first()
    if row is None:
        return
    data = {"kind": kind.code, "sentence": kind.sentence(body), "path": kind.path(body), "entry": f"ent_{entry_id.hex}"}
    AlertCall.objects.bulk_create(
        [
            AlertCall(
                organization_id=organization_id,
                kind=kind.code,
                body={"type": f"alert.{kind.code}", "timestamp": body["at"], "data": data},
                once=entry_id.hex,
                next_try_at=clock.now(),
            )
        ],
        ignore_conflicts=True,
    )


def deliver_due_calls() -> int:
    """Make the calls that are due, each in a transaction of its own; answers how many have arrived."""
    arrived = 0
    for _ in range(_BATCH):
        with transaction.atomic():
            due = AlertCall.objects.filter(status=AlertCall.Status.WAITING, next_try_at__lte=clock.now())
            row = due.select_for_update(skip_locked=True).order_by("next_try_at").first()
            if row is None:
                break
            arrived += _deliver(row)
    return arrived


def forget_old_calls() -> int:
    """Those that are over are kept for a month; answers how many went."""
    over = AlertCall.objects.exclude(status=AlertCall.Status.WAITING)
    return over.filter(created_at__lt=clock.now() - _KEPT).delete()[0]


def _deliver(row: AlertCall) -> bool:
    row.attempts += 1
    error = _post(row)
    if error is None:
        row.status, row.sent_at, row.error = AlertCall.Status.SENT, clock.now(), ""
    else:
        row.error = error[:_LONGEST_ERROR]
        row.next_try_at = clock.now() + min(_FIRST_PAUSE * 2 ** min(row.attempts - 1, 12), _LONGEST_PAUSE)
        if row.attempts >= MOST_ATTEMPTS or row.kind == TEST:
            row.status = AlertCall.Status.FAILED
    row.save()
    return error is None


def _post(row: AlertCall) -> str | None:
    """As Standard Webhooks has it; answers what went wrong."""
    webhook = AlertWebhook.objects.filter(organization_id=row.organization_id).first()
    if webhook is None:
        return "the webhook was removed"
    identifier, sent_at = row.call_id, str(int(clock.now().timestamp()))
    body = json.dumps(row.body, ensure_ascii=False).encode()
    try:
        secret = decrypt(bytes(webhook.secret)).decode()
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = hmac.new(key, f"{identifier}.{sent_at}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": sent_at,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        reply = call("POST", webhook.url, headers=headers, body=body)
    except UndecryptableError:
        return "the secret cannot be decrypted: save the webhook anew"
    except (RefusedError, UnreachableError) as error:
        return str(error)
    return None if reply.status in _SUCCESS else f"answered {reply.status}"


def _webhook(organization_id: UUID) -> AlertWebhook:
    row = AlertWebhook.objects.select_related("organization").filter(organization_id=organization_id).first()
    if row is None:
        raise NoWebhookError
    return row


def _check(url: str, unknown: Sequence[str]) -> None:
    problems = [
        Problem("kinds", "unknown", gettext("There is no alert %(code)s.") % {"code": code[:80]}) for code in unknown
    ]
    if len(url) > _LONGEST_URL or not url.startswith(("https://", "http://")):
        problems.append(
            Problem(
                "url",
                "invalid",
                ngettext(
                    "Give an address that begins with https://, of %(most)s character at most.",
                    "Give an address that begins with https://, of %(most)s characters at most.",
                    _LONGEST_URL,
                )
                % {"most": _LONGEST_URL},
            )
        )
    else:
        try:
            check_url(url)
        except (RefusedError, UnreachableError) as error:
            problems.append(
                Problem("url", "refused", gettext("AIM may not call this address: %(error)s") % {"error": error})
            )
    if problems:
        raise InvalidInputError(tuple(problems))


def _record(actor: Actor, event: Event, row: AlertWebhook, data: Mapping[str, object]) -> None:
    record(actor, event, organization_id=row.organization_id, subject=row.organization, data=data)
