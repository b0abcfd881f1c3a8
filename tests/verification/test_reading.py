"""People read what was decided: lists that filter in the database, details that explain, and nothing of strangers."""

import pytest

from aim.ids import uuid7
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api, messages, problem
from tests.verification.world import make_agent


@pytest.fixture(scope="module")
def admin():
    return make_person(make_organization())


@pytest.fixture(scope="module")
def api(admin):
    return Api(admin.token)


@pytest.fixture(scope="module")
def decided(admin):
    """Two agents; the first was allowed three times and denied twice."""
    first, second = make_agent(admin.actor), make_agent(admin.actor)
    for number in range(3):
        first.ask_natively(first.body(resource=f"/app/{number}.json", context={"user_id": f"usr_{number}"}))
    first.ask_natively(first.body(action_type="file_delete"))
    first.ask_natively(first.body(resource="/etc/passwd"))
    second.ask_natively()
    return first, second


def ids(response):
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_list_is_newest_first_in_pages(api, decided):
    everything = ids(api.get("/verifications?limit=200"))
    assert everything == sorted(everything, reverse=True)
    page = api.get("/verifications?limit=4")
    pages = ids(page)
    while page.json()["next"]:
        page = api.get(page.json()["next"].partition("/api/v1")[2])
        pages += ids(page)
    assert pages == everything


def test_filters_narrow_over_all_rows(api, decided):
    first, second = decided
    agent = first.agent.public_id
    assert len(ids(api.get(f"/verifications?agent={agent}"))) == 5
    assert len(ids(api.get(f"/verifications?agent={agent}&status=denied"))) == 2
    assert len(ids(api.get(f"/verifications?agent={agent}&code=out_of_scope"))) == 1
    assert len(ids(api.get(f"/verifications?agent={agent}&action_type=file_delete"))) == 1
    assert len(ids(api.get(f"/verifications?agent={agent}&q=passwd"))) == 1
    assert len(ids(api.get(f"/verifications?agent={agent}&q=usr_2"))) == 1
    assert ids(api.get(f"/verifications?agent={agent}&until=2020-01-01T00:00:00Z")) == []
    assert len(ids(api.get(f"/verifications?agent={agent}&since=2020-01-01T00:00:00Z"))) == 5
    assert len(ids(api.get(f"/verifications?agent={second.agent.public_id}"))) == 1
    far = "1957-06-28T23:04:41-20:16"
    assert len(ids(api.get(f"/verifications?agent={agent}&since={far}"))) == 5
    assert ids(api.get(f"/verifications?agent={agent}&until=0001-01-01T00:00:00%2B20:00")) == []
    assert ids(api.get("/verifications?agent=nonsense")) == []


def test_unknown_filter_is_refused(api):
    reply = api.get("/verifications?stauts=denied&foo=1")
    assert reply.status_code == 400
    assert set(messages(reply)) == {("stauts", "Unknown filter: stauts"), ("foo", "Unknown filter: foo")}


@pytest.mark.requirement("W4.2", "W4.4")
def test_detail_explains_the_decision(api, decided):
    first, _ = decided
    (denied,) = ids(api.get(f"/verifications?agent={first.agent.public_id}&code=capability_missing"))
    detail = api.get(f"/verifications/{denied}").json()
    assert (detail["status"], detail["reason"]) == ("denied", "Missing capability: file_delete")
    checks = {line["name"]: line for line in detail["checks"]}
    assert checks["capability"]["result"] == "failed"
    assert checks["agent_status"]["result"] == "passed"
    assert checks["agent_status"]["us"] > 0
    assert checks["scope"]["result"] == "not_run"
    assert detail["checks_passed"] == [name for name, line in checks.items() if line["result"] == "passed"]
    assert detail["agent"]["version"] == "1.0.0"
    assert detail["agent"]["trust_score"] == 100
    assert detail["origin"]["address"] == "127.0.0.1"
    assert detail["origin"]["credential"] == first.agent.api_keys.get().prefix
    assert detail["correlation_id"]
    assert detail["context_claims"]["session_id"] == "sess_456"
    assert first.api_key not in str(detail)


@pytest.mark.requirement("R.1")
def test_strangers_find_nothing(admin):
    first = make_agent(admin.actor)
    stranger = Api(make_person(make_organization()).token)
    verification_id = first.ask_natively().json()["verification_id"]
    foreign, unknown = (
        stranger.get(f"/verifications/{verification_id}"),
        stranger.get(f"/verifications/ver_{uuid7().hex}"),
    )
    assert foreign.status_code == unknown.status_code == 404
    assert problem(foreign) == problem(unknown)
    assert ids(stranger.get("/verifications")) == []
    assert ids(stranger.get(f"/verifications?agent={first.agent.public_id}")) == []


def test_containments_by_api(api, admin):
    assert messages(api.post("/containments", {"kind": "address", "pattern": "nowhere", "reason": "x"}))
    made = api.post("/containments", {"kind": "address", "pattern": "198.51.100.7", "reason": "attack"})
    assert made.status_code == 201
    identifier = made.json()["id"]
    assert made.json()["pattern"] == "198.51.100.7/32"
    assert identifier in ids(api.get("/containments"))
    stranger = Api(make_person(make_organization()).token)
    assert stranger.get(f"/containments/{identifier}").status_code == 404
    assert stranger.post(f"/containments/{identifier}/lift", {"reason": "mine"}).status_code == 404
    assert api.post(f"/containments/{identifier}/lift", {"reason": "over"}).json()["lifted_at"]
    assert api.post(f"/containments/{identifier}/lift", {"reason": "again"}).status_code == 409
