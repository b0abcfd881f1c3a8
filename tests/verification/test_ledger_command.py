"""`manage.py ledger verify` and `rotate-key`: what they say, and how they end."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aim.ledger.audit.walk import Audit
from aim.ledger.keys import verifier_keys
from aim.ledger.tiles import ledger_size
from tests.factories.databases import own_database
from tests.factories.seals import seal_now
from tests.verification.tampering import Tamperer, make_ledger, rolled_back
from tests.verification.world import make_agent, make_organization


@pytest.fixture(scope="module", autouse=True)
def ledger():
    with own_database():
        make_ledger()
        yield


def run(*arguments):
    """What it said, and with what it ended."""
    out, code = StringIO(), 0
    try:
        call_command("ledger", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        code = end.code
    return out.getvalue(), code


def test_an_honest_ledger_is_as_sealed(tmp_path):
    kept = tmp_path / "checkpoint"
    kept.write_text(seal_now().note)
    said, code = run("verify", "--checkpoint", str(kept), "--key", verifier_keys()[-1].text())
    assert code == 0
    assert "All as sealed." in said
    said, code = run("verify")
    assert code == 0
    assert "--checkpoint FILE" in said, "without a kept checkpoint it says what it cannot see"


def test_the_first_bad_record_is_named():
    with rolled_back():
        tamperer = Tamperer(1, backup_size=0)
        ((entry_id,),) = tamperer.sql("SELECT entry_id FROM ledger_leaf WHERE seq = 40")
        tamperer.sql("UPDATE ledger_entry SET body = body || ' '::bytea WHERE id = %s", [entry_id])
        said, code = run("verify")
        answer, json_code = run("verify", "--json")
    assert (code, json_code) == (1, 1)
    assert said.startswith(f"entry_altered                entry {entry_id} (seq 40)")
    (finding,) = json.loads(answer)["findings"]
    assert finding["code"] == "entry_altered"
    assert str(entry_id) in finding["record"]


def test_the_bar_is_told_how_far_the_audit_has_come():
    done: list[int] = []
    summary = Audit(grace=timedelta(0), progress=done.append).run()
    assert done == sorted(done)
    assert done[-1] == summary.size == ledger_size()


def test_json_tells_what_was_looked_at():
    newest = seal_now()
    answer = json.loads(run("verify", "--json")[0])
    assert answer["findings"] == []
    assert (answer["size"], answer["sealed"]) == (newest.size, newest.size)
    assert answer["root"] == bytes(newest.root).hex()
    assert answer["checkpoints"] == newest.number


def test_a_checkpoint_that_is_none_is_refused(tmp_path):
    kept = tmp_path / "checkpoint"
    with pytest.raises(CommandError, match="checkpoint"):
        run("verify", "--checkpoint", str(kept))
    kept.write_text(seal_now().note.replace("aim ", "aim 1"))
    with pytest.raises(CommandError, match="does not verify"):
        run("verify", "--checkpoint", str(kept))


def test_what_arrives_meanwhile_is_no_finding():
    _, admin = make_organization()
    make_agent(admin).ask_natively()
    assert run("verify")[1] == 0


def test_rotation_says_the_new_key():
    before = verifier_keys()[-1].text()
    answer = json.loads(run("rotate-key", "--reason", "yearly", "--json")[0])
    assert answer == {"retired": before, "key": verifier_keys()[-1].text()}
    seal_now()
    assert run("verify")[1] == 0
