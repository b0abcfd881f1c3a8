"""The frame around every page, as each role sees it."""

import pytest

from accounts.models import Role
from tests.factories.agents import make_agent

LOOKS = [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)]


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_every_link_of_the_navigation_leads_to_a_page_without_fault(visit, cast, role, theme, width):
    make_agent(cast.admin.actor)
    page = visit("/dashboard", cast.of(role), theme=theme, width=width)
    addresses = page.eval_on_selector_all("nav.nav a.nav-item", "links => links.map(link => link.getAttribute('href'))")
    assert "/dashboard/agents" in addresses
    for address in addresses:
        page.open(address)
        assert page.status == 200
        page.check()
        page.picture(f"{address.strip('/').replace('/', '-')}-{theme}-{width}")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_sheet_of_states_is_without_fault(visit, cast, theme, width):
    page = visit("/dashboard/_design", cast.admin, theme=theme, width=width)
    page.check()
    page.picture(f"design-{theme}-{width}")
