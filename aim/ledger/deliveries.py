"""Checkpoints leave this machine: by mail, to a webhook, into a bucket. Kept elsewhere, they show a cut end.

A channel that fails is tried again with growing pauses; how far each has come is in `/readyz` and in the metrics.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.core.files.base import ContentFile
from django.db import DatabaseError, transaction
from django.utils.translation import ngettext
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aim import clock
from aim.environment import environment
from aim.health import scraped, watched
from aim.ledger.append import append_entry
from aim.ledger.duties import duty
from aim.ledger.events import Event
from aim.ledger.followers import SYSTEM
from aim.ledger.models import Checkpoint, Delivery
from aim.ledger.sealing import last_checkpoint
from aim.mail.outbox import queue_mail
from aim.mail.server import mail_is_configured
from aim.outbound.backend import RefusedError
from aim.outbound.calls import UnreachableError, call

log = structlog.get_logger("aim.ledger")
EVERY_SECONDS = 15.0
_LONGEST_PAUSE = timedelta(hours=1)
_WORRYING_FAILURES = 3
_LONGEST_ERROR = 500
_FOLDER = "checkpoints"
_SUCCESS = range(200, 300)


class DeliveryError(Exception):
    """The checkpoint has not arrived."""


class Channel(NamedTuple):
    """`every` is how long it rests after a checkpoint has arrived."""

    name: str
    every: timedelta
    send: Callable[[Checkpoint], None]


def channels() -> list[Channel]:
    """The channels that are configured."""
    found = []
    if environment.ledger_email:
        found.append(Channel("email", timedelta(hours=24), _send_mail))
    if environment.ledger_webhook_url:
        found.append(Channel("webhook", timedelta(minutes=1), _send_webhook))
    if environment.s3_bucket:
        found.append(Channel("storage", timedelta(minutes=1), _store))
    return found


@duty(name="deliveries", seconds=EVERY_SECONDS)
def deliver_checkpoints() -> list[str]:
    """Deliver the newest checkpoint by every channel that is due; answers those by which it has arrived."""
    newest = last_checkpoint()
    if newest is None:
        return []
    return [channel.name for channel in channels() if _deliver(channel, newest)]


def _deliver(channel: Channel, newest: Checkpoint) -> bool:
    row, _ = Delivery.objects.get_or_create(channel=channel.name)
    now = clock.now()
    if newest.number <= row.number or now < _due(channel, row):
        return False
    try:
        channel.send(newest)
    except DeliveryError as error:
        row.failures, row.failed_at, row.error = row.failures + 1, now, str(error)[:_LONGEST_ERROR]
        _keep_failure(channel, row)
        log.warning("checkpoint_not_delivered", channel=channel.name, failures=row.failures, error=row.error)
        return False
    row.number, row.delivered_at, row.failures, row.error = newest.number, now, 0, ""
    row.save()
    return True


@transaction.atomic
def _keep_failure(channel: Channel, row: Delivery) -> None:
    """The one that makes it worrying is an entry, so that people are told; those after it say nothing new."""
    row.save()
    if row.failures != _WORRYING_FAILURES:
        return
    append_entry(
        kind=Event.LEDGER_DELIVERY_FAILED.value,
        organization_id=None,
        actor=SYSTEM,
        subject={"kind": "delivery", "id": channel.name, "label": channel.name},
        data={"failures": row.failures, "error": row.error},
    )


def _due(channel: Channel, row: Delivery) -> datetime:
    if row.failures and row.failed_at is not None:
        return row.failed_at + min(timedelta(seconds=EVERY_SECONDS * 2.0 ** min(row.failures, 12)), _LONGEST_PAUSE)
    return row.delivered_at + channel.every if row.delivered_at else datetime.min.replace(tzinfo=UTC)


def subject_of(checkpoint: Checkpoint) -> str:
    """What a mail with the checkpoint is called."""
    words = ngettext(
        "Checkpoint %(number)d of the ledger: %(size)d entry",
        "Checkpoint %(number)d of the ledger: %(size)d entries",
        checkpoint.size,
    )
    return words % {"number": checkpoint.number, "size": checkpoint.size}


def _send_mail(checkpoint: Checkpoint) -> None:
    """Into the outbox, which sends it and tries again by itself."""
    if not mail_is_configured():
        raise DeliveryError("AIM_EMAIL_URL names no mail server")
    with transaction.atomic():
        for recipient in environment.ledger_email:
            queue_mail(
                kind="ledger_checkpoint",
                recipient=recipient,
                subject=subject_of(checkpoint),
                template="ledger/mail/checkpoint",
                context={"checkpoint": checkpoint},
                organization_id=None,
                once=f"checkpoint:{checkpoint.number}:{recipient}",
            )


def _send_webhook(checkpoint: Checkpoint) -> None:
    """As Standard Webhooks has it: the id names the checkpoint, so that a second delivery is seen as such."""
    assert environment.ledger_webhook_url is not None
    sent_at = str(int(clock.now().timestamp()))
    body = json.dumps(
        {
            "type": "ledger.checkpoint",
            "timestamp": clock.show_time(checkpoint.signed_at),
            "data": {"number": checkpoint.number, "size": checkpoint.size, "checkpoint": checkpoint.note},
        },
        ensure_ascii=False,
    ).encode()
    identifier = f"checkpoint-{checkpoint.number}"
    headers = {"Content-Type": "application/json", "webhook-id": identifier, "webhook-timestamp": sent_at}
    if environment.ledger_webhook_secret is not None:
        secret = environment.ledger_webhook_secret.get_secret_value().encode()
        signed = hmac.new(secret, f"{identifier}.{sent_at}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    try:
        reply = call("POST", environment.ledger_webhook_url, headers=headers, body=body)
    except (RefusedError, UnreachableError) as error:
        raise DeliveryError(str(error)) from None
    if reply.status not in _SUCCESS:
        raise DeliveryError(f"the webhook answered {reply.status}")


def _store(checkpoint: Checkpoint) -> None:
    """Each under its number, never written over; a bucket that keeps objects for good is best."""
    # Imported here, because boto3 costs every other process a second at its start.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above
    from storages.backends.s3 import S3Storage  # noqa: PLC0415 - see above

    try:
        storage = S3Storage(**_bucket())
        path = f"{_FOLDER}/{checkpoint.signed_at:%Y/%m/%d}/{checkpoint.number}"
        if not storage.exists(path):
            storage.save(path, ContentFile(checkpoint.note.encode()))
    except (BotoCoreError, ClientError, OSError) as error:
        raise DeliveryError(f"{type(error).__name__}: {error}") from None


def _bucket() -> dict[str, Any]:
    key, secret = environment.s3_access_key, environment.s3_secret_key
    return {
        "bucket_name": environment.s3_bucket,
        "endpoint_url": environment.s3_endpoint_url,
        "region_name": environment.s3_region,
        "access_key": key.get_secret_value() if key else None,
        "secret_key": secret.get_secret_value() if secret else None,
        "file_overwrite": False,
        "default_acl": None,
        "object_parameters": {"ContentType": "text/plain; charset=utf-8"},
    }


@watched("checkpoint deliveries")
def _delivery_state() -> str | None:
    """Which channels have failed repeatedly, and since when; None when all is well or nothing is configured."""
    try:
        rows = {row.channel: row for row in Delivery.objects.all()}
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"
    problems = [
        f"{channel.name} has failed {row.failures} times: {row.error}"
        for channel in channels()
        if (row := rows.get(channel.name)) is not None and row.failures >= _WORRYING_FAILURES
    ]
    return "; ".join(problems) or None


class DeliveryCollector(Collector):
    """Reads at each scrape."""

    def collect(self) -> Iterator[Metric]:
        number = GaugeMetricFamily("aim_checkpoint_delivered", "Number of the last one delivered", labels=["channel"])
        failures = GaugeMetricFamily("aim_checkpoint_delivery_failures", "Failures since then", labels=["channel"])
        try:
            rows = list(Delivery.objects.all())
        except DatabaseError:
            return
        for row in rows:
            number.add_metric([row.channel], row.number)
            failures.add_metric([row.channel], row.failures)
        yield from (number, failures)


scraped(DeliveryCollector())
