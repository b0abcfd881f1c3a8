"""The tabs of the settings about decisions, alerts and the ledger, as people see and use them."""

import pytest

from accounts.models import Membership
from accounts.services.organizations import update_organization
from aim.ledger.sealing import seal
from verification.models import VerificationSettings

pytestmark = pytest.mark.slow


@pytest.mark.requirement("W1.6", "W4.8")
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_tabs_are_clean_and_their_forms_save(visit, cast, theme, width):
    seal()
    update_organization(cast.admin.actor, policy_changes_need_second_person=True)
    page = visit("/dashboard/settings/verification", cast.admin, theme=theme, width=width)
    page.get_by_label("It is denied").check()
    page.get_by_role("button", name="Propose the change").click()
    page.get_by_text("A change waits for a second person").wait_for()
    page.check()
    page.picture(f"settings-verification-{theme}-{width}")
    assert VerificationSettings.objects.get(organization=cast.organization).proposed == {"anomaly_effect": "deny"}
    page.open("/dashboard/settings/ledger")
    page.get_by_text("Signs now").wait_for()
    page.check()
    page.picture(f"settings-ledger-{theme}-{width}")
    page.open("/dashboard/settings/alerts")
    page.get_by_label("An agent was revoked: Mail").uncheck()
    page.get_by_role("button", name="Save my alerts").click()
    page.get_by_text("my own choice").wait_for()
    page.check()
    page.picture(f"settings-alerts-{theme}-{width}")
    chosen = Membership.objects.get(id=cast.admin.membership.id).alert_choices
    assert chosen == {"agent_revoked": {"mail": False}}
    page.open("/dashboard/settings/members")
    page.check()
