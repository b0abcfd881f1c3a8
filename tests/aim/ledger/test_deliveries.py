"""Checkpoints arrive where they are kept: by a real mail server, a real webhook, a real bucket; and after failures."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import boto3
import pytest
from moto.server import ThreadedMotoServer
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from aim import clock
from aim.ledger import deliveries
from aim.ledger.deliveries import DeliveryCollector, deliver_checkpoints
from aim.ledger.events import Event
from aim.ledger.keys import verifier_keys
from aim.ledger.models import Delivery, Entry
from aim.ledger.notes import open_note
from aim.outbound.calls import allowed_networks
from tests.factories.databases import own_database
from tests.factories.mail_server import running_mail_server, send_waiting
from tests.factories.seals import seal_now

RECIPIENT = "auditor@example.com"
SECRET = "a secret of at least 24 characters"


@pytest.fixture(scope="module")
def database():
    with own_database():
        yield


@pytest.fixture
def configured(database, monkeypatch, settings):
    """The environment of this test, in which nothing is configured yet."""
    Delivery.objects.all().delete()
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    allowed_networks.cache_clear()

    def configure(**values):
        for name, value in values.items():
            monkeypatch.setattr(deliveries.environment, name, value)

    configure(ledger_email=[], ledger_webhook_url=None, s3_bucket=None)
    yield configure
    allowed_networks.cache_clear()


@pytest.fixture
def later(monkeypatch):
    """Let time pass, for the deliveries only."""

    def pass_by(**span):
        moment = clock.now() + timedelta(**span)
        monkeypatch.setattr(deliveries.clock, "now", lambda: moment)

    return pass_by


def test_nothing_configured_is_nothing_delivered(configured):
    seal_now()
    assert deliver_checkpoints() == []
    assert deliveries._delivery_state() is None


def test_mail_holds_the_whole_checkpoint(configured, settings, later):
    checkpoint = seal_now()
    with running_mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        configured(ledger_email=[RECIPIENT])
        assert deliver_checkpoints() == ["email"]
        send_waiting(None)
        (mail,) = server.to(RECIPIENT)
        text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
        note = text.split("-----\n")[1]
        assert note == checkpoint.note
        open_note(note, verifier_keys())
        seal_now()
        assert deliver_checkpoints() == [], "once a day"
        later(hours=25)
        assert deliver_checkpoints() == ["email"]


def test_webhook_is_signed_and_named(configured, later):
    checkpoint = seal_now()
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook", method="POST").respond_with_data("", status=204)
        configured(ledger_webhook_url=server.url_for("/hook"), ledger_webhook_secret=SecretStr(SECRET))
        assert deliver_checkpoints() == ["webhook"]
        assert deliver_checkpoints() == [], "the same one is not sent again"
        request, _ = server.log[0]
        body, headers = request.get_data(), request.headers
        assert json.loads(body)["data"]["checkpoint"] == checkpoint.note
        assert headers["webhook-id"] == f"checkpoint-{checkpoint.number}"
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        seal_now()
        assert deliver_checkpoints() == [], "it rests a minute"
        later(seconds=61)
        assert deliver_checkpoints() == ["webhook"]


def test_failures_are_tried_again_seen_and_forgotten(configured, later):
    checkpoint = seal_now()
    with HTTPServer(host="127.0.0.1") as server:
        handler = server.expect_request("/hook")
        handler.respond_with_data("", status=500)
        configured(ledger_webhook_url=server.url_for("/hook"))
        for tries in range(1, 4):
            assert deliver_checkpoints() == []
            assert Delivery.objects.get(channel="webhook").failures == tries
            assert deliver_checkpoints() == [], "not again at once"
            assert Delivery.objects.get(channel="webhook").failures == tries
            later(minutes=10 * tries)
            assert failures_on_record() == (tries == 3), "people are told once it is worrying, and once"
        assert deliveries._delivery_state() == "webhook has failed 3 times: the webhook answered 500"
        handler.respond_with_data("", status=200)
        assert deliver_checkpoints() == ["webhook"]
    row = Delivery.objects.get(channel="webhook")
    assert (row.number, row.failures, row.error) == (checkpoint.number, 0, "")
    assert deliveries._delivery_state() is None
    registry = CollectorRegistry()
    registry.register(DeliveryCollector())
    assert f'aim_checkpoint_delivered{{channel="webhook"}} {checkpoint.number}.0'.encode() in generate_latest(registry)


def failures_on_record():
    return Entry.objects.filter(kind=Event.LEDGER_DELIVERY_FAILED.value).count()


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://10.0.0.1/", "ftp://example.com/", "nonsense"])
def test_webhook_is_called_nowhere_else(configured, url):
    seal_now()
    configured(ledger_webhook_url=url)
    assert deliver_checkpoints() == []
    assert Delivery.objects.get(channel="webhook").failures == 1


def test_one_channel_that_fails_holds_up_no_other(configured):
    seal_now()
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook").respond_with_data("")
        configured(ledger_email=[RECIPIENT], ledger_webhook_url=server.url_for("/hook"))
        assert deliver_checkpoints() == ["webhook"]
    assert "no mail server" in Delivery.objects.get(channel="email").error


def test_bucket_keeps_each_checkpoint_under_its_number(configured, later):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        access = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-central-1"}
        client = boto3.client("s3", endpoint_url=address, **access)
        client.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        configured(
            s3_bucket="kept",
            s3_endpoint_url=address,
            s3_region="eu-central-1",
            s3_access_key=SecretStr("key"),
            s3_secret_key=SecretStr("secret"),
        )
        checkpoint = seal_now()
        assert deliver_checkpoints() == ["storage"]
        (found,) = client.list_objects_v2(Bucket="kept")["Contents"]
        assert found["Key"] == f"checkpoints/{checkpoint.signed_at:%Y/%m/%d}/{checkpoint.number}"
        kept = client.get_object(Bucket="kept", Key=found["Key"])["Body"].read().decode()
        assert kept == checkpoint.note
        seal_now()
        later(minutes=2)
        assert deliver_checkpoints() == ["storage"]
        assert len(client.list_objects_v2(Bucket="kept")["Contents"]) == 2
    finally:
        server.stop()
    seal_now()
    later(minutes=4)
    assert deliver_checkpoints() == []
    assert Delivery.objects.get(channel="storage").failures == 1
