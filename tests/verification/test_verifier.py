"""The independent verifier, as a program of its own, on what a stranger would be given."""

import base64
import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from aim.ledger.followers import OPERATOR
from aim.ledger.keys import verifier_keys
from aim.ledger.models import Entry, Leaf
from aim.ledger.reading import shown_disclosures
from aim.ledger.sealing import rotate_key
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.databases import own_database
from tests.factories.seals import seal_now
from tests.verification.tampering import rolled_back
from tests.verification.world import make_agent

PROGRAM = settings.BASE_DIR / "docs/verifier/aim_verify.py"
ODD = '"\\/\b\f\n\r\t\x01\x02\x1f\x7f\u2028\\.😀'


class Site:
    """Two organizations, some hundred entries, one rotation of the key, and an export of all."""

    def __init__(self, folder: Path) -> None:
        self.person = make_person(make_organization())
        self.agent = make_agent(self.person.actor, calls_per_hour=10_000)
        self.stranger = make_agent(make_person(make_organization()).actor)
        self.stranger.ask_natively(self.stranger.body(resource="/app/of-a-stranger"))
        self.agent.ask_patiently(self.agent.body(resource="/app/ä", parameters={"ß": 1e21, "a": -0.5, "odd": ODD}))
        self.decide(200)
        self.kept = seal_now().note
        self.decide(80)
        rotate_key(OPERATOR, reason="a test")
        self.last = self.decide(3)
        self.newest = seal_now()
        self.keys = [key.text() for key in verifier_keys()]
        self.folder = folder / "export"
        call_command("ledger", "export", str(self.folder), stdout=StringIO(), stderr=StringIO())

    def decide(self, count: int) -> str:
        for number in range(count):
            asked = self.agent.body(resource=f"/app/{number}", parameters={"n": number})
            reply = self.agent.ask_natively(asked).json()
        return reply["verification_id"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with own_database():
        yield Site(tmp_path_factory.mktemp("verifier"))


@pytest.fixture
def copy(site, tmp_path):
    return Path(shutil.copytree(site.folder, tmp_path / "copy"))


def verify(*arguments):
    """Run it where nothing of the product can be imported."""
    command = [sys.executable, "-I", str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def with_keys(site):
    return [part for key in site.keys for part in ("--key", key)]


def test_it_shares_no_code_with_the_product():
    imports = {
        line.split()[1].partition(".")[0]
        for line in PROGRAM.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imports <= {*sys.stdlib_module_names, "cryptography"}


@pytest.mark.requirement("O.1")
def test_an_honest_export_verifies(site, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text(site.kept)
    result = verify("export", site.folder, *with_keys(site), "--checkpoint", kept)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"OK: {site.newest.size} entries verified" in result.stdout


def test_keys_of_the_files_are_not_passed_off_as_trusted(site):
    result = verify("export", site.folder)
    assert result.returncode == 0
    assert "compare them with the key" in result.stdout


def change_line(path, number, old, new):
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new, 1)
    path.write_text("".join(lines))


def flip(path, place=5):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


SPOILS = {
    "entry": lambda folder: change_line(folder / "entries.ndjson", 40, "approved", "declined"),
    "disclosed value": lambda folder: change_line(folder / "disclosures.ndjson", 60, "/app/", "/etc/"),
    "spelling of a salt": lambda folder: change_line(folder / "disclosures.ndjson", 60, '"salt": "', '"salt": " '),
    "leaf": lambda folder: flip(folder / "tile/0/000", 7000),
    "partial tile": lambda folder: flip(next((folder / "tile/0/001.p").iterdir())),
    "upper tile": lambda folder: flip(folder / "tile/1/000.p/1"),
    "checkpoint": lambda folder: flip(folder / "checkpoint", 60),
    "old checkpoint": lambda folder: change_line(folder / "checkpoints.ndjson", 0, "aim 1 ", "aim 9 "),
    "entry out of place": lambda folder: change_line(folder / "entries.ndjson", 3, '"seq": 3', '"seq": 4'),
    "checkpoint left out": lambda folder: (folder / "checkpoints.ndjson").write_text(
        "".join((folder / "checkpoints.ndjson").read_text().splitlines(keepends=True)[1:])
    ),
    "tile left out": lambda folder: (folder / "tile/0/000").unlink(),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_spoilt_export_does_not_verify(site, copy, spoil):
    spoil(copy)
    result = verify("export", copy, *with_keys(site))
    assert result.returncode == 1
    assert "OK" not in result.stdout
    assert "Traceback" not in result.stderr


def test_another_key_does_not_verify(site):
    result = verify("export", site.folder, "--key", site.keys[0].replace("127", "128"))
    assert result.returncode == 1


def test_the_old_key_alone_follows_to_the_rotation(site, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text(site.kept)
    assert verify("export", site.folder, "--key", site.keys[0]).returncode == 1, "the newest is signed by the new key"
    assert verify("export", site.folder, "--key", site.keys[1], "--checkpoint", kept).returncode == 1


def test_a_cut_end_shows_against_a_kept_checkpoint(site, tmp_path):
    """An old export is whole in itself; only the checkpoint that was kept tells that there was more."""
    newest = tmp_path / "newest"
    newest.write_text(site.newest.note)
    old = tmp_path / "old"
    shutil.copytree(site.folder, old)
    result = verify("export", old, *with_keys(site), "--checkpoint", newest)
    assert result.returncode == 0
    site.decide(1)
    later = tmp_path / "later"
    later.write_text(seal_now().note)
    result = verify("export", old, *with_keys(site), "--checkpoint", later)
    assert result.returncode == 1
    assert "the end was cut off" in result.stdout


def test_a_proof_of_the_api_verifies_and_a_forged_one_does_not(site, tmp_path):
    proof = Api(site.agent.api_key).get(f"/verifications/{site.last}/proof").json()
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    result = verify("proof", file, *with_keys(site))
    assert (result.returncode, result.stderr) == (0, "")
    for name, value in {
        "entry": proof["entry"].replace("approved", "declined"),
        "seq": proof["seq"] - 1,
        "path": proof["path"][::-1],
        "verification_id": "ver_" + "0" * 32,
        "disclosures": proof["disclosures"] | {"data.claims": {"salt": "00" * 16, "value": "{}"}},
        "checkpoint": proof["checkpoint"].replace("aim ", "aim 1"),
    }.items():
        file.write_text(json.dumps(proof | {name: value}))
        assert verify("proof", file, *with_keys(site)).returncode == 1, name


def test_consistency_of_the_api_verifies(site, tmp_path):
    newest = seal_now()
    size = int(site.kept.split("\n")[1])
    answer = Api(site.person.token).get(f"/ledger/consistency?from={size}&to={newest.size}").json()
    files = {"old": site.kept, "new": newest.note, "answer": json.dumps(answer)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    arguments = ["consistency", tmp_path / "old", tmp_path / "new", tmp_path / "answer"]
    assert verify(*arguments, *with_keys(site)).returncode == 0
    answer["hashes"][0] = base64.b64encode(b"x" * 32).decode()
    (tmp_path / "answer").write_text(json.dumps(answer))
    assert verify(*arguments, *with_keys(site)).returncode == 1


@pytest.mark.requirement("R.1")
def test_export_of_an_organization_holds_nothing_of_others(site, tmp_path):
    folder = tmp_path / "own"
    owner = f"org_{site.agent.agent.organization_id.hex}"
    call_command("ledger", "export", str(folder), "--organization", owner, stdout=StringIO(), stderr=StringIO())
    text = "".join(path.read_text() for path in folder.glob("*.ndjson"))
    assert "of-a-stranger" not in text
    assert site.stranger.agent.organization_id.hex not in text
    assert verify("export", folder, *with_keys(site)).returncode == 0


def lines(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.ndjson").read_text().split("\n")[:-1]


def test_files_hold_the_very_text_that_was_sealed_and_committed_to(site, tmp_path):
    rows = Leaf.objects.order_by("seq").values_list("seq", "entry_id")
    entries = Entry.objects.in_bulk(entry_id for _seq, entry_id in rows)
    for name, text in (
        ("entries", lambda entry: {"entry": bytes(entry.body).decode()}),
        ("disclosures", lambda entry: {"disclosures": shown_disclosures(entry.disclosures)}),
    ):
        expected = [{"seq": seq, **text(entries[entry_id])} for seq, entry_id in rows[: site.newest.size]]
        assert lines(site.folder, name) == [json.dumps(row, ensure_ascii=False) for row in expected]
    [odd] = [json.loads(line)["disclosures"] for line in lines(site.folder, "disclosures") if "odd" in line]
    assert json.loads(odd["data.action.personal"]["value"])["parameters"]["odd"] == ODD


@pytest.mark.parametrize(
    "bytes_of_it",
    [
        b"{",
        b"\xff",
        b"7",
        b'{"data.context":["00","\\u0000"]}',
        b'{"data.context":["00"]}',
        b'{"data.context":7}',
        None,
    ],
)
def test_what_is_disclosed_no_more_or_can_no_longer_be_read_ends_no_export(site, tmp_path, bytes_of_it):
    folder, seq = tmp_path / "spoilt", 12
    with rolled_back():
        Entry.objects.filter(id=Leaf.objects.get(seq=seq).entry_id).update(disclosures=bytes_of_it)
        call_command("ledger", "export", str(folder), stdout=StringIO(), stderr=StringIO())
        answer = verify("export", folder, *with_keys(site))
    # Since the first export more may have been sealed.
    now, before = lines(folder, "disclosures"), lines(site.folder, "disclosures")
    assert [number for number, line in enumerate(before) if line != now[number]] == [seq]
    assert lines(folder, "entries")[: len(before)] == lines(site.folder, "entries")
    # Erased values are no mistake; values that nothing was committed to are one.
    assert answer.returncode == int(bytes_of_it is not None), answer.stdout


def test_export_of_a_range(site, tmp_path):
    folder = tmp_path / "range"
    call_command("ledger", "export", str(folder), "--from", "10", "--to", "20", stdout=StringIO(), stderr=StringIO())
    rows = [json.loads(line)["seq"] for line in (folder / "entries.ndjson").read_text().splitlines()]
    assert rows == list(range(10, 20))
    assert verify("export", folder, *with_keys(site)).returncode == 0


def test_export_does_not_write_over_anything(site):
    with pytest.raises(CommandError, match="exists"):
        call_command("ledger", "export", str(site.folder), stdout=StringIO(), stderr=StringIO())
