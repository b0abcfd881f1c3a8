"""The change of the master key: every secret, none twice, and on record."""

import json
import re
from contextlib import suppress
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from pydantic import SecretStr

from accounts.models import AlertWebhook
from aim import encryption
from aim.encryption import UndecryptableError, decrypt, encrypt
from aim.environment import environment
from aim.ledger.events import Event
from aim.ledger.models import Entry, SealKey
from aim.mail.models import OutgoingMail
from aim.mail.outbox import queue_mail
from aim.protected import all_protected
from aim.reports.models import SigningCertificate
from aim.reports.signing import certificate_for
from aim.runtime.environment import CHECKOUT
from mcp.models import Credential
from tests.factories.accounts import make_organization, make_person, unique
from tests.factories.mcp import make_server

OLD, NEW = environment.master_keys[0], SecretStr(Fernet.generate_key().decode())


@pytest.fixture
def use_keys(monkeypatch):
    def use(*keys):
        monkeypatch.setattr(environment, "master_keys", list(keys))
        encryption._keys.cache_clear()
        encryption._first_key.cache_clear()

    yield use
    # The rows of other tests go back to the key that they know.
    use(OLD, NEW)
    run()
    monkeypatch.undo()
    encryption._keys.cache_clear()
    encryption._first_key.cache_clear()


def run(*options):
    """What the command printed; tests of other things leave rows that nobody can decrypt."""
    out = StringIO()
    with suppress(SystemExit):
        call_command("rotate_master_key", "--json", *options, stdout=out)
    return json.loads(out.getvalue())["secrets"]


def the_secrets():
    person = make_person(make_organization())
    server = make_server(person.actor)
    credential = Credential.objects.create(server=server, method="api_key", encrypted=encrypt(b"of the server"))
    factor = Authenticator.objects.create(
        user=person.user,
        type=Authenticator.Type.RECOVERY_CODES,
        data={"seed": encrypt(b"of the codes").decode(), "used_mask": 0},
    )
    key = SealKey.objects.create(
        name="test",
        public_key=unique("key").encode()[:32].ljust(32, b"-"),
        private_key=encrypt(b"of the seal"),
        created_at=timezone.now(),
        retired_at=timezone.now(),
    )
    with transaction.atomic():
        mail = queue_mail(
            kind="test",
            recipient=f"{unique('reader')}@example.com",
            subject="Hello",
            template="accounts/mail/password_reset",
            context={"link": "https://aim.example"},
            organization_id=person.organization.id,
        )
    certificate = certificate_for(person.organization.id, "Example")
    webhook = AlertWebhook.objects.create(
        organization=person.organization, url="https://example.com/x", secret=encrypt(b"of the webhook")
    )
    return credential, factor, key, mail, certificate, webhook


def shown(credential, factor, key, mail, certificate, webhook):
    signing = SigningCertificate.objects.get(pk=certificate.pk)
    return [
        decrypt(bytes(Credential.objects.get(pk=credential.pk).encrypted)),
        decrypt(Authenticator.objects.get(pk=factor.pk).data["seed"].encode()),
        decrypt(bytes(SealKey.objects.get(pk=key.pk).private_key)),
        "txt" in json.loads(decrypt(OutgoingMail.objects.get(pk=mail.pk).content.encode())),
        *(
            load_der_private_key(decrypt(bytes(k)), None).key_size
            for k in (signing.authority_key, signing.certificate_key)
        ),
        decrypt(bytes(AlertWebhook.objects.get(pk=webhook.pk).secret)),
    ]


def test_every_secret_moves_to_the_new_key_and_the_old_one_can_go(use_keys):
    secrets = the_secrets()
    expected = [b"of the server", b"of the codes", b"of the seal", True, 256, 256, b"of the webhook"]
    before = Entry.objects.filter(kind=Event.MASTER_KEY_ROTATED).count()
    use_keys(NEW, OLD)
    assert all(count["anew"] for count in run("--dry-run").values())
    use_keys(NEW)
    with pytest.raises(UndecryptableError):
        shown(*secrets)
    use_keys(NEW, OLD)
    counted = run()
    assert set(counted) == {protected.name for protected in all_protected()}
    assert all(count["anew"] for count in counted.values())
    assert Entry.objects.filter(kind=Event.MASTER_KEY_ROTATED).count() == before + 1
    again = run()
    assert all(count["anew"] == 0 for count in again.values())
    assert Entry.objects.filter(kind=Event.MASTER_KEY_ROTATED).count() == before + 1
    use_keys(NEW)
    assert shown(*secrets) == expected
    SealKey.objects.filter(pk=secrets[2].pk).update(private_key=None)


def test_everything_that_encrypts_is_among_what_is_encrypted_anew():
    users = {
        str(path.relative_to(CHECKOUT))
        for room in ("aim", "accounts", "agents", "mcp", "verification", "security", "compliance")
        for path in (CHECKOUT / room).rglob("*.py")
        if re.search(r"from aim\.encryption import .*\bencrypt\b", path.read_text())
    }
    # Whoever adds one registers it in `aim.protected`; a secret in a session lives for minutes only.
    assert users == {
        "aim/ledger/keys.py",
        "aim/mail/outbox.py",
        "aim/reports/signing.py",
        "accounts/second_factors.py",
        "accounts/services/alert_webhook.py",
        "accounts/pages/factor_enrolment.py",
    } | ({"mcp/services/credentials.py"} & users)
