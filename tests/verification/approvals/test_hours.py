"""A request is judged by the hour at which it was made: that people agree to it later is no fault of the agent's."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Organization, Role
from agents.services.configuration import update_agent
from tests.verification.approvals.inbox import make_inbox
from tests.verification.policies.asking import in_force
from tests.verification.test_behaviour_at_work import grow, refresh
from verification.approvals import held
from verification.approvals.models import Approval
from verification.approvals.selectors import database_now
from verification.behaviour.traits import HOURS, hour_of_week
from verification.models import BehaviourProfile
from verification.services.approvals import approve_request
from verification.services.settings import update_verification_settings

pytestmark = pytest.mark.requirement("W4.6", "W4.5")
ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LATER = timedelta(hours=8)


@pytest.fixture
def inbox():
    return make_inbox()


@pytest.fixture
def evening(monkeypatch):
    """Call it to let eight hours pass for whoever decides requests, which have a day for it."""

    def begin() -> None:
        Approval.objects.update(expires_at=database_now() + timedelta(days=1))
        monkeypatch.setattr(held, "database_now", lambda: database_now() + LATER)

    return begin


def hours_around_now(inbox) -> dict:
    zone = ZoneInfo(Organization.objects.get(id=inbox.organization_id).timezone)

    def wall(hours: int) -> str:
        return (datetime.now(zone) + timedelta(hours=hours)).strftime("%H:%M")

    return {"days": ALL_DAYS, "from": wall(-2), "to": wall(2)}


def only_within_hours(inbox) -> None:
    """Outside of these hours an admin would have to agree, too."""
    in_force(
        inbox.admin,
        {
            "name": "Config files",
            "effect": "require_approval",
            "match": {"actions": ["file_read"], "resources": ["/app/config/**"]},
            "auto_approve": [{"read_only": True, "working_hours": hours_around_now(inbox)}],
            "approval": {"roles": ["admin"]},
        },
    )


def usual_at_this_hour(inbox) -> None:
    """The agent works around this hour of the day only; what is not like it is denied."""
    asker = inbox.asker
    update_agent(inbox.admin, asker.agent.id, changes={"require_approval": []})
    assert asker.ask_natively().status == 200
    grow(asker)
    row = BehaviourProfile.objects.get(agent_id=asker.agent.id)
    zone = Organization.objects.get(id=inbox.organization_id).timezone
    hour = hour_of_week(zone, datetime.now().timestamp())  # noqa: DTZ005 - only its seconds since 1970
    busy = {(hour + near + 24 * day) % HOURS for near in (-1, 0, 1) for day in range(7)}
    row.profile |= {"hours": [10.0 if hour in busy else 0.0 for hour in range(HOURS)], "days": 30}
    row.version += 1
    row.save()
    refresh(asker)
    update_agent(inbox.admin, asker.agent.id, changes={"require_approval": ["file_read"]})
    update_verification_settings(inbox.admin, anomaly_effect="deny", anomaly_threshold=30)


@pytest.mark.parametrize("rule", [only_within_hours, usual_at_this_hour], ids=lambda rule: rule.__name__)
def test_what_was_asked_within_hours_may_be_agreed_to_and_used_after_them(inbox, evening, rule):
    rule(inbox)
    approval = inbox.ask()
    evening()
    assert approve_request(inbox.manager.actor, approval.id).status == "approved"
    assert inbox.state(approval)["approved"] is True
    assert inbox.report(approval).status_code == 200
    assert Approval.objects.get(id=approval.id).status == "approved"


def test_what_was_asked_after_hours_stays_so_within_them(inbox, evening):
    """The other way round: waiting for the morning does not spare anybody's consent."""
    window = hours_around_now(inbox)
    in_force(
        inbox.admin,
        {
            "name": "Config files",
            "effect": "require_approval",
            "match": {"actions": ["file_read"], "resources": ["/app/config/**"]},
            "auto_approve": [{"working_hours": window | {"from": window["to"], "to": window["from"]}}],
            "approval": {"roles": ["admin"]},
        },
    )
    approval = inbox.ask()
    evening()
    assert approve_request(inbox.manager.actor, approval.id).status == "pending"
    assert approve_request(inbox.person(Role.ADMIN).actor, approval.id).status == "approved"


def test_everything_but_the_hour_is_judged_afresh(inbox, evening):
    only_within_hours(inbox)
    approval = inbox.ask()
    evening()
    in_force(inbox.admin, {"name": "Stop", "effect": "deny", "match": {"actions": ["file_read"]}})
    assert approve_request(inbox.manager.actor, approval.id).status == "denied"
    assert inbox.state(approval)["code"] == "policy_denied"
