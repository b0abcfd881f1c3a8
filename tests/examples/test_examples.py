"""The examples of the documentation, run as a stranger would run them, against the running product."""

import base64
import json
import re
import subprocess
import sys
from functools import cache

import pytest

from aim.runtime.environment import CHECKOUT

EXAMPLES = CHECKOUT / "docs" / "examples"
PROGRAMS = {
    "python": [sys.executable, "-I", str(EXAMPLES / "agent.py")],
    "shell": ["sh", str(EXAMPLES / "agent.sh")],
}
VERIFICATION = r"ver_[0-9a-f]{32}"
LINES = (
    r"registered    agt_[0-9a-f]{32} is pending",
    r"proved        example-(python|shell)-[0-9a-f]{8} is verified, trust 100",
    rf"approved      file_read /app/config/config\.json as {VERIFICATION}",
    rf"completed     {VERIFICATION} success, 15 ms",
    r"only once     This verification is completed already\.",
    r"denied        file_delete /app/config/backup\.json: Missing capability: file_delete",
    r"out of scope  file_read /app/\.\./etc/passwd: Resource out of scope",
    r"pending       file_read /app/payroll/2026-11\.csv: Approval required by 20.*Z",
    r"decided       a person approves apr_[0-9a-f]{32}, once",
    rf"approved      file_read /app/payroll/2026-11\.csv as {VERIFICATION}",
    rf"completed     {VERIFICATION} success, 20 ms",
    rf"replayed      the same request has the same answer, {VERIFICATION}",
    r"altered       the same signature over another body: Invalid signature",
    r"rate limited  Rate limit exceeded: 3 calls an hour, again in [1-9][0-9]* s",
)
PROVED = r"proved        /app/config/config\.json was approved: entry [0-9]+ of [0-9]+, checkpoint [0-9]+ 20.*Z"
# Newest first, from the moment that the second agent is at its limit back to the first approval.
RECORDED = ("denied", "approved", "approved", "denied", "denied", "approved")


def run(program, product, **changes):
    environment = {
        "PATH": product.environment["PATH"],
        "AIM_URL": product.url,
        "AIM_TOKEN": product.token,
        "no_proxy": "127.0.0.1",
        **changes,
    }
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def tell(product):
    """Run a program once, and tell how it went as often as it is asked."""
    return cache(lambda name: run(PROGRAMS[name], product))


@pytest.mark.slow
@pytest.mark.requirement("W2.7", "W2.8", "W4.1", "W4.2", "W4.3", "W4.6", "W4.7", "E2")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_tells_its_story(product, tell, name):
    result = tell(name)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    patterns = [*LINES, PROVED]
    assert len(lines) == len(patterns), result.stdout
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    the_record_agrees(product, agent_id=lines[0].split()[1], lines=lines)


def the_record_agrees(product, *, agent_id, lines):
    """What the program printed is what a person finds: each decision once, the replay not twice."""
    page = product.get(f"/api/v1/verifications?agent={agent_id}")
    statuses = tuple(row["status"] for row in page["results"])
    assert statuses == RECORDED
    first = page["results"][-1]
    assert first["id"] in lines[2]
    assert first["completion"]["duration_ms"] == 15
    by_a_person = page["results"][2]
    assert by_a_person["id"] in lines[9]
    assert by_a_person["completion"]["duration_ms"] == 20
    assert page["results"][1]["id"] in lines[11]
    checks = product.get(f"/api/v1/verifications/{first['id']}")["checks"]
    assert [check["name"] for check in checks if check["result"] != "passed"] == []
    assert {"agent_status", "capability", "scope", "policy", "trust_score", "signature", "rate_limit"} <= {
        check["name"] for check in checks
    }


def another_path(proof):
    step = base64.b64encode(bytes(32)).decode()
    old = proof["path"][0]
    return proof | {"path": [step, *proof["path"][1:]], "tlog_proof": proof["tlog_proof"].replace(old, step, 1)}


def another_entry(proof):
    return proof | {"entry": proof["entry"].replace('"status":"approved"', '"status":"denied"')}


def another_decision(proof):
    return proof | {"verification_id": proof["verification_id"]}


def another_action(proof):
    personal = proof["disclosures"]["data.action.personal"]
    value = personal["value"].replace("config.json", "secret.json")
    return proof | {"disclosures": proof["disclosures"] | {"data.action.personal": personal | {"value": value}}}


def another_root(proof):
    root = proof["checkpoint"].split("\n")[2]
    other = base64.b64encode(bytes(32)).decode()
    return proof | {name: proof[name].replace(root, other) for name in ("checkpoint", "tlog_proof")}


LIES = {
    another_path: "not in the ledger that was signed",
    another_entry: "not in the ledger that was signed",
    another_decision: "of something else",
    another_action: "not what was sealed",
    another_root: "Signature|not signed by a key",
}


@pytest.mark.slow
@pytest.mark.requirement("W4.6")
@pytest.mark.parametrize("lie", [None, *LIES], ids=lambda lie: lie.__name__ if lie else "the truth")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_believes_no_proof_that_was_tampered_with(product, tell, tmp_path, name, lie):
    decision = re.search(VERIFICATION, tell("python").stdout)[0]
    proof = product.get(f"/api/v1/verifications/{decision}/proof")
    asked_for = decision if lie is not another_decision else decision[:-1] + ("0" if decision[-1] != "0" else "1")
    (tmp_path / "proof").write_text(json.dumps(lie(proof) if lie else proof, separators=(",", ":"), ensure_ascii=False))
    (tmp_path / "keys").write_text(json.dumps(product.get("/api/v1/ledger/keys")))
    result = run([*RETOLD[name], asked_for, str(tmp_path)], product)
    if lie is None:
        assert re.fullmatch(PROVED, result.stdout.strip()), result.stderr
    else:
        assert result.returncode == 1
        assert result.stdout == ""
        assert re.search(LIES[lie], result.stderr)


# The part of each program that verifies, with answers from files in the place of those over the network.
RETOLD = {
    "python": [
        sys.executable,
        "-c",
        (
            f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import agent, json, pathlib\n"
            "read = lambda path: json.loads((pathlib.Path(sys.argv[2]) / path.rpartition('/')[2]).read_text())\n"
            "agent.call = lambda method, path, **options: agent.Answer(200, read(path), None)\n"
            "agent.verify_the_proof(type('Agent', (), {'api_key': ''}), sys.argv[1])"
        ),
    ],
    "shell": [
        "sh",
        "-c",
        (
            f"sed '/^# --- 5/,$d' '{EXAMPLES / 'agent.sh'}' >\"$1/parts\" && . \"$1/parts\"\n"
            'answers=$1\ncall() { cp "$answers/${2##*/}" "$work/answer"; status=200; }\n'
            'verify_the_proof "$0"'
        ),
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_fails_where_an_answer_is_not_the_expected_one(product, name):
    result = run(PROGRAMS[name], product, AIM_TOKEN="aimp_" + "0" * 43)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "Expected 201" in result.stderr
    assert "401" in result.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_fails_without_the_product(product, name):
    result = run(PROGRAMS[name], product, AIM_URL="http://127.0.0.1:1")
    assert result.returncode != 0
    assert result.stdout == ""


def test_the_python_example_knows_nothing_of_the_product():
    imports = re.findall(r"^(?:from|import) ([\w.]+)", (EXAMPLES / "agent.py").read_text(), re.MULTILINE)
    strange = {name.partition(".")[0] for name in imports} - sys.stdlib_module_names
    assert strange == {"cryptography"}
