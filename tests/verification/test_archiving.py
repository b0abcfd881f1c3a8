"""A sealed month goes to files and out of the database, and its entries are proved from the files as before."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from aim.ids import uuid7_floor
from aim.ledger import append
from aim.ledger.append import append_entry
from aim.ledger.archiving import Month
from aim.ledger.events import Event
from aim.ledger.keys import verifier_keys
from aim.ledger.models import Entry, Leaf
from aim.ledger.reading import read_entry
from tests.factories.databases import own_database
from tests.factories.seals import seal_now
from tests.verification.tampering import audit
from tests.verification.world import make_agent, make_organization
from verification.models import Verification

NOW = datetime.now(UTC)
LAST_MONTH = (NOW.replace(day=1) - timedelta(days=10)).replace(hour=12)
MONTH = f"{LAST_MONTH:%Y-%m}"


@pytest.fixture
def owner(monkeypatch):
    """An organization with fifty entries of last month and some decisions of today."""
    with own_database():
        organization, admin = make_organization()
        with monkeypatch.context() as past:
            numbers = iter(range(1, 1000))
            start = uuid7_floor(LAST_MONTH.timestamp()).int
            past.setattr(append, "uuid7", lambda: UUID(int=start + next(numbers)))
            past.setattr(append.clock, "now", lambda: LAST_MONTH)
            for number in range(50):
                with transaction.atomic():
                    append_entry(
                        kind=Event.ORGANIZATION_UPDATED,
                        organization_id=organization.id,
                        actor={"kind": "person", "id": None, "label": "ada@example.com", "address": None},
                        subject={"kind": "organization", "id": organization.id.hex},
                        subject_id=organization.id,
                        data={"number": number},
                    )
        make_agent(admin).ask_natively()
        seal_now()
        yield organization


def ledger(*arguments):
    out = StringIO()
    call_command("ledger", *arguments, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def old_entries():
    return Entry.objects.filter(id__lt=uuid7_floor(NOW.replace(day=1, hour=0, minute=0, second=0).timestamp()))


def table_exists(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        return cursor.fetchone()[0] is not None


def verifies(folder):
    program = settings.BASE_DIR / "docs/verifier/aim_verify.py"
    keys = [part for key in verifier_keys() for part in ("--key", key.text())]
    result = subprocess.run(
        [sys.executable, "-I", program, "export", folder, *keys], capture_output=True, text=True, check=False, cwd="/"
    )
    return result.returncode == 0, result.stdout


@pytest.mark.parametrize("option", ["--detach", "--drop"])
def test_month_leaves_and_everything_still_verifies(owner, tmp_path, option):
    assert old_entries().count() == 50
    done = ledger("archive", MONTH, str(tmp_path / "archive"), option)
    assert (done["month"], done["entries"], done["detached"]) == (MONTH, 50, True)
    assert old_entries().count() == 0
    assert Verification.objects.count() == 1
    assert table_exists(Month.parse(MONTH).partition("ledger_entry")) is (option == "--detach")
    good, said = verifies(tmp_path / "archive")
    assert good, said
    assert "50 entries verified" in said
    seal_now()
    summary = audit()
    assert summary.findings == []
    assert summary.archived == 50
    assert summary.size == Leaf.objects.count()
    record = read_entry(Entry.objects.get(kind=Event.LEDGER_DETACHED))
    assert record["data"] == {"month": MONTH, "entries": 50, "sha256": done["sha256"], "dropped": option == "--drop"}


def test_month_may_be_written_and_stay(owner, tmp_path):
    done = ledger("archive", MONTH, str(tmp_path / "archive"))
    assert done["detached"] is False
    assert old_entries().count() == 50
    assert Entry.objects.filter(kind=Event.LEDGER_ARCHIVED).count() == 1
    assert verifies(tmp_path / "archive")[0]


def test_months_that_vanish_without_a_record_are_found(owner):
    partition = Month.parse(MONTH).partition("ledger_entry")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE ledger_entry DETACH PARTITION {partition}")
    assert [finding.code for finding in audit().findings].count("entry_missing") == 50


@pytest.mark.parametrize("everything", [True, False])
def test_nothing_leaves_that_is_held(owner, tmp_path, everything):
    covers = [] if everything else ["--organization", f"org_{owner.id.hex}"]
    (hold,) = ledger("hold", "place", *covers, "--reason", "Case 12")
    with pytest.raises(CommandError, match="Case 12"):
        ledger("archive", MONTH, str(tmp_path / "held"), "--detach")
    assert old_entries().count() == 50
    assert not (tmp_path / "held").exists()
    assert [row["id"] for row in ledger("hold", "list")] == [hold["id"]]
    ledger("hold", "lift", hold["id"], "--reason", "settled")
    assert ledger("hold", "list") == []
    ledger("archive", MONTH, str(tmp_path / "free"), "--detach")
    assert old_entries().count() == 0
    kinds = Entry.objects.filter(kind__startswith="ledger.hold").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Event.LEDGER_HOLD_PLACED, Event.LEDGER_HOLD_LIFTED]


def test_hold_of_another_organization_holds_nothing_here(owner, tmp_path):
    other, _ = make_organization()
    ledger("hold", "place", "--organization", f"org_{other.id.hex}", "--reason", "elsewhere")
    assert ledger("archive", MONTH, str(tmp_path / "archive"), "--detach")["detached"] is True


def test_what_is_not_over_or_not_sealed_stays(owner, tmp_path, monkeypatch):
    for month in (f"{NOW:%Y-%m}", "2999-01", "2020-13", "x", "2020-01"):
        with pytest.raises(CommandError):
            ledger("archive", month, str(tmp_path / "archive"), "--drop")
    first = old_entries().earliest("id").id
    with monkeypatch.context() as past:
        past.setattr(append, "uuid7", lambda: UUID(int=first.int + 2000))
        with transaction.atomic():
            append_entry(kind=Event.ORGANIZATION_UPDATED, organization_id=owner.id, actor={}, subject={}, data={})
    with pytest.raises(CommandError, match="not sealed"):
        ledger("archive", MONTH, str(tmp_path / "archive"), "--drop")
    assert old_entries().count() == 51


@pytest.mark.parametrize(
    "arguments", [["place"], ["lift", "x", "--reason", "y"], ["lift", "hld_" + "0" * 32, "--reason", "y"]]
)
def test_hold_says_what_is_wrong(owner, arguments):
    with pytest.raises(CommandError):
        ledger("hold", *arguments)
