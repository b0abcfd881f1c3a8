"""The inbox over HTTP: what waits, with all its context, and what is done with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from tests.factories.api import Api
from tests.verification.approvals.inbox import make_inbox
from tests.verification.approvals.test_approving import let_expire
from verification.approvals.models import Grant

pytestmark = pytest.mark.requirement("W4.6")


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


@pytest.fixture(scope="module")
def manager(inbox):
    return Api(inbox.manager.token)


def listed(api, query=""):
    answer = api.get(f"/approvals{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_inbox_counts_filters_and_pages():
    inbox = make_inbox()
    manager = Api(inbox.manager.token)
    other = inbox.add_agent(require_approval=["file_list"])
    asked = [inbox.ask() for _ in range(3)]
    by_other = inbox.ask(other, action_type="file_list")
    page = listed(manager, "?limit=2")
    assert page["count"] == 4
    assert [row["id"] for row in page["results"]] == [by_other.public_id, asked[-1].public_id]
    assert page["next"]
    assert [row["id"] for row in listed(manager, f"?agent={other.agent.public_id}")["results"]] == [by_other.public_id]
    assert listed(manager, "?action=file_list")["count"] == 1
    assert listed(manager, "?mine=true&status=pending")["count"] == listed(manager, "?status=pending")["count"]
    assert listed(Api(inbox.person(Role.MEMBER).token), "?mine=true")["count"] == 0
    assert manager.post(f"/approvals/{by_other.public_id}/deny", {"note": "no"}).json()["status"] == "denied"
    assert listed(manager, "?status=denied")["results"][0]["votes"][0]["name"] == inbox.manager.user.email
    assert by_other.public_id not in {row["id"] for row in listed(manager, "?mine=true")["results"]}
    assert manager.get("/approvals?colour=red").status_code == 400


def test_one_request_tells_everything_that_a_decision_needs(inbox, manager):
    earlier = inbox.ask(resource="/app/a", parameters={"lines": 1})
    elsewhere = inbox.ask(resource="/app/b")
    approval = inbox.ask(resource="/app/a", parameters={"lines": 10, "deep": {"x": [1, "y"]}}, data={"bytes": 7})
    shown = manager.get(f"/approvals/{approval.public_id}").json()
    assert shown["verification_id"] == f"ver_{approval.id.hex}"
    assert shown["action"]["parameters"] == {"lines": 10, "deep": {"x": [1, "y"]}}
    assert (shown["action"]["resource"], shown["data_claims"]["bytes"]) == ("/app/a", 7)
    assert [(line["name"], line["detail"]) for line in shown["waits_for"]] == [
        ("policy", "require-approval: file_read")
    ]
    requester = shown["requester"]
    assert requester["agent"]["id"] == inbox.asker.agent.public_id
    assert requester["owner"]["id"] == f"usr_{inbox.admin.id.hex}"
    assert (requester["acts_for"], requester["address"]) == ("usr_123", "127.0.0.1")
    assert shown["may_decide"] == {"approve": True, "reason": ""}
    assert {f"ver_{one.id.hex}" for one in (earlier, elsewhere)} <= {row["id"] for row in shown["session"]}
    assert [row["id"] for row in shown["history"]] == [f"ver_{earlier.id.hex}"]
    viewer = Api(inbox.person(Role.VIEWER).token).get(f"/approvals/{approval.public_id}").json()
    assert viewer["may_decide"]["approve"] is False
    assert shown["requirements"][0]["roles"] == ["manager", "admin"]


def test_approved_for_a_time_over_http(inbox, manager):
    approval = inbox.ask()
    body = {"mode": "for", "seconds": 600, "resource": "/app/config/**", "note": "deploy"}
    answer = manager.post(f"/approvals/{approval.public_id}/approve", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "approved"), answer.content
    grant = Grant.objects.get(approval_id=approval.id)
    (shown,) = manager.get(f"/grants?standing=true&agent={inbox.asker.agent.public_id}").json()["results"]
    assert (shown["id"], shown["resource"], shown["is_pattern"]) == (grant.public_id, "/app/config/**", True)
    assert manager.get(f"/approvals/{approval.public_id}").json()["grant"]["id"] == grant.public_id
    assert inbox.asker.ask_natively().status == 200
    ended = manager.post(f"/grants/{grant.public_id}/revoke", {"reason": "done"})
    assert (ended.status_code, ended.json()["revoke_reason"]) == (200, "done")
    assert manager.get("/grants?standing=true").json()["results"] == []
    assert inbox.asker.ask_natively().status == 202


def test_refusals_say_what_happened(inbox, manager):
    late = inbox.ask()
    let_expire(late)
    answer = manager.post(f"/approvals/{late.public_id}/approve", {})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:aim:problem:approval_expired")
    approval = inbox.ask()
    agent = Api(inbox.add_agent().api_key)
    assert agent.post(f"/approvals/{approval.public_id}/approve", {}).status_code == 404
    assert agent.get("/approvals").json()["results"] == []
    person = inbox.person()
    own = inbox.ask(context={"user_id": person.user.public_id})
    refused = Api(person.token).post(f"/approvals/{own.public_id}/approve", {})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:aim:problem:not_an_approver")
    for body in (
        {"mode": "ever"},
        {"colour": 1},
        {"mode": "for", "seconds": 5},
        {"mode": "for", "resource": "/etc/**"},
    ):
        answer = manager.post(f"/approvals/{approval.public_id}/approve", body)
        assert answer.status_code == 400, body
        assert answer.json()["errors"]
    assert manager.post(f"/approvals/{approval.public_id}/deny", {}).status_code == 400
    assert manager.post(f"/approvals/{approval.public_id}/approve", {}).status_code == 200
    answer = manager.post(f"/approvals/{approval.public_id}/approve", {})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:aim:problem:already_settled")
    assert inbox.manager.user.email in answer.json()["detail"]
    assert manager.post(f"/approvals/{approval.public_id}/withdraw", {"note": "wait"}).json()["status"] == "withdrawn"


def test_an_agent_votes_with_its_key(inbox):
    judge = inbox.add_agent()
    approval = inbox.ask_by_rule(agents=[judge.agent.public_id])
    api = Api(judge.api_key)
    assert [row["id"] for row in listed(api, "?mine=true")["results"]] == [approval.public_id]
    answer = api.post(f"/approvals/{approval.public_id}/approve", {"note": "checked"})
    assert (answer.status_code, answer.json()["votes"][0]["voter"]) == (200, judge.agent.public_id), answer.content
    assert inbox.state(approval)["approved"] is True


def test_the_list_costs_the_same_for_many(inbox, manager):

    for _ in range(3):
        inbox.ask()
    with CaptureQueriesContext(connection) as few:
        listed(manager, "?limit=2")
    with CaptureQueriesContext(connection) as many:
        listed(manager, "?limit=50")
    assert len(many) == len(few)
