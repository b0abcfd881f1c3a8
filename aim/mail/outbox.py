"""Writing mail: in the caller's transaction, so that no mail tells of what did not happen, and none is forgotten."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from email.utils import make_msgid
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from kombu.exceptions import OperationalError

from aim import clock
from aim.encryption import encrypt
from aim.mail.models import LONGEST_ONCE, OutgoingMail

_FORGOTTEN_AFTER = timedelta(days=90)


def queue_mail(
    *,
    kind: str,
    recipient: str,
    subject: str,
    template: str,
    context: Mapping[str, object],
    organization_id: UUID | None,
    once: str | None = None,
) -> OutgoingMail | None:
    """One mail from `<template>.txt` and `<template>.html`, sent after the commit. None if `once` was sent before.

    `once` may be of any length: it often ends in an address, which may have 254 characters.
    """
    assert connection.in_atomic_block
    values = {**context, "subject": subject, "origin": settings.ORIGIN}
    content = {name: render_to_string(f"{template}.{name}", values) for name in ("txt", "html")}
    mail = OutgoingMail(
        organization_id=organization_id,
        kind=kind,
        once=_fitting(once),
        recipient=recipient,
        subject=" ".join(subject.split())[:300],
        content=encrypt(json.dumps(content).encode()).decode(),
        message_id=make_msgid(domain=urlsplit(settings.ORIGIN).hostname),
        next_try_at=clock.now(),
    )
    try:
        with transaction.atomic():
            mail.save(force_insert=True)
    except IntegrityError:
        if once is None:
            raise
        return None
    transaction.on_commit(lambda: _hint(mail.id))
    return mail


def withdraw_mail(mail_id: UUID | None) -> None:
    """Do not send what has not been sent yet: what it tells of has ended."""
    if mail_id is None:
        return
    OutgoingMail.objects.filter(id=mail_id, status=OutgoingMail.Status.WAITING).update(
        status=OutgoingMail.Status.FAILED, content="", last_error="Withdrawn before it was sent."
    )


def forget_old_mail() -> None:
    OutgoingMail.objects.exclude(status=OutgoingMail.Status.WAITING).filter(
        created_at__lt=clock.now() - _FORGOTTEN_AFTER
    ).delete()


def _fitting(once: str | None) -> str | None:
    """A key that is too long for its column, as its digest; cut off, it could be that of another address."""
    if once is None or len(once) <= LONGEST_ONCE:
        return once
    return f"sha256:{hashlib.sha256(once.encode()).hexdigest()}"


def _hint(mail_id: UUID) -> None:
    """Without a broker the mail goes with the next turn of beat."""
    from aim.mail.tasks import deliver_mail  # noqa: PLC0415 - the task sends, and so imports what this module writes

    try:
        deliver_mail.apply_async((mail_id.hex,), retry=False)
    except (OperationalError, OSError):
        return
