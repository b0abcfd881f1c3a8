"""The worker's part of mail."""

from uuid import UUID

from celery import shared_task

from aim.mail.delivery import deliver, waiting_mail
from aim.mail.outbox import forget_old_mail


@shared_task
def deliver_mail(mail_id: str) -> None:
    deliver(UUID(hex=mail_id))


@shared_task
def deliver_waiting_mail() -> None:
    """What a worker could not send before, and what no worker was told of."""
    for mail_id in waiting_mail():
        deliver(mail_id)


@shared_task
def forget_mail() -> None:
    forget_old_mail()
