"""The welcome tour comes once by itself, is left as one likes, and is taken up again where it was left."""

import pytest
from django.urls import reverse

from accounts.models import Role, User
from tests.factories.accounts import make_person
from tests.factories.agents import make_agent
from tests.factories.browser import signed_in_browser

pytestmark = pytest.mark.requirement("W1.3")
TOUR, OVERVIEW = reverse("accounts:tour"), reverse("verification:overview")
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#dialog-place"}


@pytest.fixture
def newcomer(admin):
    person = make_person(admin.organization, Role.ADMIN)
    User.objects.filter(id=person.user.id).update(tour_shown_at=None)
    return person


def test_it_comes_once_by_itself(newcomer):
    browser = signed_in_browser(newcomer)
    assert f'hx-post="{TOUR}"' in browser.get(OVERVIEW).content.decode()
    shown = browser.post(TOUR, {"go": "show"}, headers=HTMX).content.decode()
    assert "Welcome to AIM - Runtime Verification for AI" in shown
    assert "1 of 3" in shown
    assert "Skip tour" in shown
    page = browser.get(OVERVIEW).content.decode()
    assert f'hx-post="{TOUR}"' not in page
    assert f'href="{TOUR}"' in page, "the menu has it"


def test_it_goes_on_where_it_was_left_until_it_is_done(newcomer):
    browser = signed_in_browser(newcomer)
    second = browser.post(TOUR, {"go": "next", "step": "1"}, headers=HTMX).content.decode()
    assert "Where you find what" in second
    left = browser.post(TOUR, {"go": "skip", "step": "2"}, headers=HTMX)
    assert left.status_code == 204
    assert left.headers["HX-Trigger"] == "aim:close-dialog"
    assert "2 of 3" in browser.get(TOUR).content.decode()
    last = browser.post(TOUR, {"go": "next", "step": "2"}, headers=HTMX).content.decode()
    assert "Get Started" in last
    assert "1 of 3" not in last
    browser.post(TOUR, {"go": "done", "step": "3"}, headers=HTMX)
    assert "1 of 3" in browser.get(TOUR).content.decode()


def test_without_a_script_it_is_a_page(newcomer):
    browser = signed_in_browser(newcomer)
    assert "<html" in browser.get(TOUR).content.decode()
    assert browser.post(TOUR, {"go": "done", "step": "3"}).headers["Location"] == OVERVIEW


@pytest.mark.parametrize("step", ["", "-1", "99", "²", "x" * 40])
def test_nonsense_moves_nowhere_beyond_it(newcomer, step):
    page = signed_in_browser(newcomer).post(TOUR, {"go": "next", "step": step}, headers=HTMX)
    assert page.status_code == 200
    newcomer.user.refresh_from_db()
    assert 1 <= newcomer.user.tour_step <= 3


def test_it_leads_only_where_the_person_may_go(admin):
    viewer = make_person(admin.organization, Role.VIEWER)
    page = signed_in_browser(viewer).post(TOUR, {"go": "next", "step": "2"}, headers=HTMX).content.decode()
    assert "Watch what agents ask" in page
    assert "Invite your team" not in page
    assert "Register an agent" not in page


@pytest.mark.requirement("W1.4")
def test_the_checklist_is_the_documents(admin):
    page = signed_in_browser(admin).get(OVERVIEW).content.decode()
    steps = page[page.index("Getting Started") :]
    steps = steps[: steps.index("</ol>")]
    wanted = ["Sign in complete", "Invite team members", "Register first agent", "Configure security policies"]
    assert [steps.count(words) for words in wanted] == [1, 1, 1, 1]
    assert steps.count("<li") == 4
    assert steps.count('class="done"') == 1
    make_person(admin.organization, Role.MEMBER)
    page = signed_in_browser(admin).get(OVERVIEW).content.decode()
    assert page.count('<li class="done">') == 2, "whoever came ticks it"


def test_the_empty_registry_flips_with_the_first_agent(admin):

    browser, first = signed_in_browser(admin), reverse("agents:agent-first")
    assert f'data-address="{first}"' in browser.get(reverse("agents:agent-list")).content.decode()
    assert browser.get(first).status_code == 204
    make_agent(admin.actor)
    assert browser.get(first).status_code == 200
