from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.crypto.public_keys import parse_public_key
from mcp.keys import accepted_keys, age_of, day_of, examine_key, reminder_at, reminder_days
from mcp.models import ServerKey
from tests.factories.agents import pem_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def results(text, **options):
    return [(check.name, check.result) for check in examine_key(text, **options).checks]


@pytest.mark.requirement("W9.2")
def test_a_good_key_passes_every_check_in_the_words_of_the_document():
    examined = examine_key(pem_of(rsa.generate_private_key(65537, 2048)))
    assert examined.passed
    assert [check.title for check in examined.checks] == [
        "Valid PEM format",
        "Valid RSA key",
        "Correct key length (2048 bits)",
        "Different from current key",
    ]


@pytest.mark.requirement("W9.2", "W9.6")
@pytest.mark.parametrize(
    ("text", "failing"),
    [
        ("no key", "pem"),
        (pem_of(Ed25519PrivateKey.generate()).replace("-----END PUBLIC KEY-----", ""), "pem"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "type"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "length"),
    ],
    ids=["no key", "no end", "a curve nobody uses", "too short"],
)
def test_the_first_check_that_fails_ends_the_list(text, failing):
    examined = examine_key(text)
    assert not examined.passed
    assert examined.info is None
    names = [check.name for check in examined.checks]
    place = names.index(failing)
    assert [check.result for check in examined.checks] == ["passed"] * place + ["failed"] + ["open"] * (3 - place)
    told = examined.checks[place].detail
    assert told.startswith("Invalid public key format. Check PEM encoding.") is (failing == "pem")


@pytest.mark.requirement("W9.6")
def test_a_key_that_the_server_has_or_had_is_refused():
    pem = pem_of(Ed25519PrivateKey.generate())
    thumbprint = parse_public_key(pem).thumbprint
    same = examine_key(pem, current={thumbprint})
    assert same.checks[-1].detail == "New key must be different from current key."
    assert not same.passed
    assert not examine_key(pem, former={thumbprint}).passed
    assert examine_key(pem, current={"another"}).passed


def key(status, leaves_at=None, created_at=NOW):
    return ServerKey(status=status, leaves_at=leaves_at, created_at=created_at, fingerprint=str(status))


@pytest.mark.requirement("W9.3", "W9.4")
def test_a_leaving_key_is_accepted_until_its_end_and_not_a_moment_longer():
    leaving, active = key("leaving", leaves_at=NOW), key("active")
    keys = [key("retired"), leaving, key("unproved"), active]
    assert accepted_keys(keys, NOW - timedelta(microseconds=1)) == [active, leaving]
    assert accepted_keys(keys, NOW) == [active]
    assert accepted_keys([key("leaving")], NOW) == []


@pytest.mark.requirement("W9.1")
@pytest.mark.parametrize(
    ("policy", "days", "tone", "due"),
    [
        (90, 0, "green", False),
        (90, 59, "green", False),
        (90, 60, "yellow", False),
        (90, 89, "yellow", False),
        (90, 90, "yellow", True),
        (90, 91, "red", True),
        (30, 19, "green", False),
        (30, 20, "yellow", False),
        (30, 31, "red", True),
    ],
)
def test_the_age_has_the_colours_of_the_policy(policy, days, tone, due):
    age = age_of(key("active", created_at=NOW - days * DAY), policy_days=policy, at=NOW)
    assert (age.days, age.tone, age.is_due) == (days, tone, due)
    assert age.due_at == NOW + (policy - days) * DAY


@pytest.mark.requirement("W9.4")
def test_reminders_are_scaled_to_the_period():
    assert reminder_days(7) == [3, 6]
    assert reminder_days(14) == [6, 12]
    assert reminder_days(30) == [13, 26]
    assert reminder_days(1) == [1]
    for days in range(1, 31):
        moments = [reminder_at(NOW, day) for day in reminder_days(days)]
        assert moments
        assert all(NOW < moment < NOW + days * DAY for moment in moments)
    assert reminder_at(NOW, 3) == NOW + 2 * DAY
    assert [day_of(NOW, 7, NOW + hours * timedelta(hours=1)) for hours in (0, 23, 24, 167, 999)] == [1, 1, 2, 7, 7]
