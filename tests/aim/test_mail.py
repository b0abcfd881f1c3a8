"""Mail on its way: written with what it tells of, sent once, tried again, given up."""

from datetime import timedelta

import pytest
from django.db import transaction

from aim import clock
from aim.ids import uuid7
from aim.mail.delivery import PAUSES, deliver
from aim.mail.models import OutgoingMail
from aim.mail.outbox import queue_mail
from aim.mail.server import MailAddressError
from aim.mail.server import mail_server as parse
from aim.mail.tasks import deliver_mail, deliver_waiting_mail, forget_mail
from tests.factories.accounts import unique
from tests.factories.mail_server import running_mail_server
from tests.factories.threads import at_once


@pytest.fixture
def server(settings):
    with running_mail_server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        yield running


def queue(recipient=None, **fields) -> OutgoingMail | None:
    with transaction.atomic():
        return queue_mail(
            kind="test",
            recipient=recipient or f"{unique('reader')}@example.com",
            subject="Hello\nBcc: x@example.com",
            template="accounts/mail/password_reset",
            context={"link": "https://aim.example/<x>&y"},
            organization_id=uuid7(),
            **fields,
        )


def due(mail) -> None:
    """Before whatever other tests have left waiting: a round takes the oldest, and only so many."""
    OutgoingMail.objects.filter(id=mail.id).update(next_try_at=clock.now() - timedelta(days=365))


def test_it_is_sent_once_by_many_workers(server):
    mail = queue()
    at_once(8, lambda _: deliver(mail.id))
    [received] = server.to(mail.recipient)
    mail.refresh_from_db()
    assert (mail.status, mail.content, mail.tries) == ("sent", "", 1)
    assert received["Message-ID"] == mail.message_id
    assert received["Bcc"] is None
    assert received["Subject"] == "Hello Bcc: x@example.com"
    assert "https://aim.example/<x>&y" in received.get_body(("plain",)).get_content()
    assert "https://aim.example/&lt;x&gt;&amp;y" in received.get_body(("html",)).get_content()


def test_it_is_not_sent_when_what_it_tells_of_did_not_happen(server):
    recipient = f"{unique('reader')}@example.com"
    with transaction.atomic():
        queue(recipient)
        transaction.set_rollback(True)
    deliver_waiting_mail()
    assert not server.to(recipient)


def test_a_refusal_for_good_is_not_tried_again(server):
    mail = queue()
    server.refused[mail.recipient] = "550 no such user"
    deliver(mail.id)
    mail.refresh_from_db()
    assert (mail.status, mail.last_error, mail.content) == ("failed", "550 no such user", "")


def test_a_refusal_for_now_is_tried_again_with_the_same_message_id(server):
    mail = queue()
    server.refused[mail.recipient] = "451 try later"
    deliver(mail.id)
    mail.refresh_from_db()
    assert (mail.status, mail.tries) == ("waiting", 1)
    assert "451 try later" in mail.last_error
    deliver(mail.id)
    mail.refresh_from_db()
    assert mail.tries == 1, "not before its time"
    server.refused.clear()
    due(mail)
    deliver_waiting_mail()
    [received] = server.to(mail.recipient)
    assert received["Message-ID"] == mail.message_id


def test_a_worker_that_died_after_sending_sends_the_same_message_again(server):
    mail = queue()
    deliver(mail.id)
    # As if the note of it had not been committed.
    row = queue(mail.recipient)
    OutgoingMail.objects.filter(id=row.id).update(message_id=f"{mail.message_id}-copy")
    OutgoingMail.objects.filter(id=mail.id).update(status="waiting", content=row.content, sent_at=None)
    due(mail)
    deliver_mail(mail.id.hex)
    assert {received["Message-ID"] for received in server.to(mail.recipient)} == {mail.message_id}


def test_a_server_that_is_away_is_waited_for_and_then_given_up(settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    mail = queue()
    for tries in range(1, len(PAUSES) + 2):
        due(mail)
        deliver(mail.id)
        mail.refresh_from_db()
        assert mail.tries == tries
    assert mail.status == "failed"
    assert "refused" in mail.last_error


def test_what_may_be_sent_once_is_written_once():
    once = unique("once")
    assert queue(once=once) is not None
    assert queue(once=once) is None


def test_a_key_with_the_longest_address_is_still_one_of_its_own():
    entry = uuid7().hex
    one, other = (f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 55}.{name}.com" for name in ("one", "two"))
    assert queue(one, once=f"alert:{entry}:{one}") is not None
    assert queue(one, once=f"alert:{entry}:{one}") is None
    assert queue(other, once=f"alert:{entry}:{other}") is not None


def test_old_mail_is_forgotten_and_waiting_mail_is_not():
    old, waiting = queue(), queue()
    long_ago = clock.now() - timedelta(days=91)
    OutgoingMail.objects.filter(id=old.id).update(status="sent", created_at=long_ago)
    OutgoingMail.objects.filter(id=waiting.id).update(created_at=long_ago)
    forget_mail()
    assert not OutgoingMail.objects.filter(id=old.id).exists()
    assert OutgoingMail.objects.filter(id=waiting.id).exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 587, "", "starttls")),
        ("smtp://a%40b:p%2Fw@mail.example:2525?tls=tls", ("mail.example", 2525, "a@b", "tls")),
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, "", "none")),
        ("", ("", 25, "", "none")),
    ],
)
def test_the_servers_address(url, expected):
    server = parse(url)
    assert (server.host, server.port, server.user, server.tls) == expected


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://x?tls=maybe", "smtp://u:p@mail.example?tls=none", "smtp://x?a=b"],
)
def test_an_address_that_is_none_stops_the_start(url):
    with pytest.raises(MailAddressError):
        parse(url)
