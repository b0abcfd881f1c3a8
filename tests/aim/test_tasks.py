"""Upkeep runs twice without harm, and forgets only what is over."""

from datetime import timedelta

from django.db import connection
from django.utils.module_loading import import_string

from accounts.tasks import forget_expired_sessions
from aim.celery import app
from aim.ids import uuid7
from aim.ledger.partitions import missing_partitions
from aim.ledger.tasks import ensure_partitions_ahead
from aim.schedule import SCHEDULE
from verification.models import Nonce
from verification.tasks import forget_expired_nonces


def test_every_scheduled_task_exists():
    app.loader.import_default_modules()
    for entry in SCHEDULE.values():
        assert entry["task"] in app.tasks
        assert import_string(entry["task"]).name == entry["task"]


def test_partitions_exist_ahead_and_are_made_once():
    ensure_partitions_ahead()
    assert ensure_partitions_ahead() == []
    assert missing_partitions() == []


def test_only_expired_nonces_are_forgotten():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    agent = uuid7()
    for number, age in enumerate((-60, 60)):
        Nonce.objects.create(
            agent_id=agent,
            digest=bytes([number] * 16),
            request_digest=bytes(32),
            verification_id=uuid7(),
            expires_at=now + timedelta(seconds=age),
        )
    assert forget_expired_nonces() >= 1
    assert [bytes(nonce.digest) for nonce in Nonce.objects.filter(agent_id=agent)] == [bytes([1] * 16)]
    forget_expired_nonces()
    assert Nonce.objects.filter(agent_id=agent).count() == 1


def test_expired_sessions_are_forgotten():
    forget_expired_sessions()
