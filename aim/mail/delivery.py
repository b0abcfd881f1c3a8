"""Sending mail: by one worker at a time, again after a pause when the server cannot, given up when it will not.

A worker first takes the row by moving its next try ahead. If it dies between the server's yes and the note of it, the
mail is sent once more with the same Message-ID, and the reader's program shows it once.
"""

import json
import smtplib
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction

from aim import clock
from aim.encryption import UndecryptableError, decrypt
from aim.mail.models import OutgoingMail
from aim.mail.server import mail_is_configured

PAUSES = [timedelta(seconds=seconds) for seconds in (120, 600, 3600, 4 * 3600, 12 * 3600)]
_BATCH = 100
_PERMANENT = range(500, 600)
_LONGEST_ERROR = 500
log = structlog.get_logger("aim.mail")


class RefusedError(Exception):
    """The server will never take this mail: its answer says so."""


def waiting_mail() -> list[UUID]:
    """What is due, oldest first."""
    due = OutgoingMail.objects.filter(status=OutgoingMail.Status.WAITING, next_try_at__lte=clock.now())
    return list(due.order_by("next_try_at").values_list("id", flat=True)[:_BATCH])


def deliver(mail_id: UUID) -> None:
    """Send the mail if it is due and no other worker has it."""
    mail = _take(mail_id)
    if mail is None:
        return
    try:
        _send(mail)
    except RefusedError as error:
        _give_up(mail, str(error))
    except (smtplib.SMTPException, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        if mail.tries > len(PAUSES):
            _give_up(mail, reason)
        else:
            _settle(mail, last_error=reason[:_LONGEST_ERROR])
            log.warning("mail.put_off", mail=mail.id.hex, kind=mail.kind, tries=mail.tries, reason=reason[:200])
    else:
        _settle(mail, status=OutgoingMail.Status.SENT, sent_at=clock.now(), content="", last_error="")


@transaction.atomic
def _take(mail_id: UUID) -> OutgoingMail | None:
    mail = (
        OutgoingMail.objects.select_for_update(skip_locked=True)
        .filter(id=mail_id, status=OutgoingMail.Status.WAITING, next_try_at__lte=clock.now())
        .first()
    )
    if mail is not None:
        mail.tries += 1
        mail.next_try_at = clock.now() + PAUSES[min(mail.tries, len(PAUSES)) - 1]
        mail.save(update_fields=["tries", "next_try_at"])
    return mail


def _send(mail: OutgoingMail) -> None:
    if not mail_is_configured():
        raise RefusedError("No mail server is configured (AIM_EMAIL_URL).")
    try:
        content = json.loads(decrypt(mail.content.encode()))
    except UndecryptableError as error:
        raise RefusedError(str(error)) from None
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=content["txt"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[mail.recipient],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    message.attach_alternative(content["html"], "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        status, answer = next(iter(error.recipients.values()))
        if status in _PERMANENT:
            raise RefusedError(_sentence(status, answer)) from None
        raise smtplib.SMTPException(_sentence(status, answer)) from None
    except smtplib.SMTPAuthenticationError:
        raise  # A wrong password of ours is no property of the mail: it goes once that is mended.
    except smtplib.SMTPResponseException as error:
        if error.smtp_code in _PERMANENT:
            raise RefusedError(_sentence(error.smtp_code, error.smtp_error)) from None
        raise


def _sentence(status: int, answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return f"{status} {' '.join(text.split())}"


def _give_up(mail: OutgoingMail, reason: str) -> None:
    _settle(mail, status=OutgoingMail.Status.FAILED, content="", last_error=reason[:_LONGEST_ERROR])
    log.warning("mail.given_up", mail=mail.id.hex, kind=mail.kind, tries=mail.tries, reason=reason[:200])


def _settle(mail: OutgoingMail, **changes: object) -> None:
    """What became of this try, unless the mail was withdrawn or another worker has tried since."""
    OutgoingMail.objects.filter(id=mail.id, status=OutgoingMail.Status.WAITING, tries=mail.tries).update(**changes)
