"""Compliance tags come from what the record of a decision says, and from nothing else."""

import re

import pytest
from django.urls import reverse

from accounts.models import Role
from aim.ids import IdKind, parse_id
from compliance.controls import control
from compliance.tags import RULES
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all, sequence_all
from tests.factories.mcp import make_proved_server, make_tool
from tests.factories.seals import seal_now
from tests.verification.approvals.inbox import make_inbox, verification_id
from tests.verification.world import make_agent
from verification.approvals.models import Approval
from verification.detail import detail_of
from verification.services.approvals import approve_request, deny_request
from verification.services.data_classes import create_data_class


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


def tags_of(person, shown_id):
    """The facts by name, with their sentences and the controls as `SOC 2 CC6.1`."""
    detail = detail_of(person.actor, parse_id(IdKind.VERIFICATION, shown_id))
    return {
        group.name: (group.because, {f"{tag.framework} {tag.control}" for tag in group.tags}) for group in detail.tags
    }


def asked(made, **changes):
    return made.ask_natively(made.body(**changes)).json()["verification_id"]


@pytest.mark.requirement("W5.2")
def test_a_refused_access_is_evidence_of_access_control_and_says_why(admin):
    made = make_agent(admin.actor)
    shown = asked(made, resource="/etc/shadow")
    found = tags_of(admin, shown)
    because, controls = found["refused"]
    assert because == "The access was refused: Out of scope."
    assert {"SOC 2 CC6.1", "ISO 27001 A.8.3", "HIPAA 164.312(a)(1)", "PCI DSS 10.2.1.4"} <= controls
    assert set(found) == {"refused", "on_behalf", "recorded"}
    sequence_all()
    seal_now()
    assert set(tags_of(admin, shown)) == {"refused", "on_behalf", "recorded", "sealed"}

    page = signed_in_browser(admin).get(reverse("verification:verification-detail", args=[shown])).content.decode()
    assert "Compliance Tags" in page
    assert re.search(r"The access was refused: Out of scope\..*?SOC 2 CC6\.1.*?Logical access", page, re.DOTALL)
    answer = Api(admin.token).get(f"/verifications/{shown}").json()
    first = answer["compliance_tags"][0]
    assert (first["name"], first["because"]) == ("refused", because)
    assert {"framework": "SOC 2", "control": "CC5.2", "title": "Technology controls are in force"} in first["tags"]


@pytest.mark.requirement("W5.2")
def test_what_was_granted_signed_classified_or_went_through_a_server_is_told_apart(admin):
    create_data_class(admin.actor, name="customers", patterns=["/app/customers/**"])
    made = make_agent(admin.actor, signed=True, capabilities=["file_system.read", "file_system.write", "mcp.call"])
    shown = asked(made, resource="/app/customers/<b>.json")
    follow_all("data_classes")
    found = tags_of(admin, shown)
    assert {"granted", "signed", "classified", "on_behalf", "recorded"} == set(found)
    assert found["classified"][0] == "The resource is of a class of data: customers."
    assert set(tags_of(admin, asked(made, action_type="file_delete"))) >= {"granted", "deletion"}
    server = make_proved_server(admin.actor)
    make_tool(server)
    refused = asked(made, action_type="mcp_tool_call", mcp_server=server.name, tool="read_file")
    found = tags_of(admin, refused)
    assert {"server", "refused"} <= set(found)
    assert "granted" not in found
    unsigned = make_agent(admin.actor)
    assert "signed" not in tags_of(admin, asked(unsigned))


@pytest.mark.requirement("W5.2")
@pytest.mark.parametrize(
    ("settle", "name"), [(None, "asked"), (approve_request, "agreed"), (deny_request, "overruled")]
)
def test_what_a_person_decided_is_evidence_of_oversight(settle, name):
    inbox = make_inbox()
    approval = inbox.ask()
    person = inbox.person(Role.MANAGER)
    if settle:
        settle(person.actor, approval.id, note="As agreed with the owner")
    found = tags_of(person, verification_id(approval))
    assert {"asked", "agreed", "overruled"} & set(found) == {name}
    because, controls = found[name]
    assert "EU AI Act Art. 14(1)" in controls
    if settle:
        assert because.endswith(f"{Approval.objects.get(id=approval.id).votes.get().voter_label}.")
    assert "granted" not in found


def test_every_rule_names_controls_of_the_catalogue_once():
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.tags
        assert len(set(rule.tags)) == len(rule.tags), rule.name
    with pytest.raises(KeyError):
        control("SOC 2", "CC99")
