"""What stands in rows: drawn once where its arguments are the same, escaped, and never a component a row."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module

import pytest
from django.template import Context, Engine
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.safestring import SafeString
from django.utils.translation import trans_real

from accounts.models import Role
from aim import clock
from aim.console.addresses import address_of
from aim.console.charts import Bucket, drawn_cells, volume_chart
from aim.console.numbers import figure
from aim.console.parts import drawn_sparkline, kept_include, kept_part, named_object, trust
from aim.templatetags.console import ago, kept, moment
from tests.console.decisions import decided
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.browser import signed_in_browser
from tests.factories.mcp import make_proved_server, make_server

HOSTILE = "</a><script>alert('1')</script>\" onload=\"x"


def drawn(source, **values):
    return Engine.get_default().from_string(source).render(Context(values)).strip()


def counted_components(monkeypatch):
    """How often a component is drawn from here on."""
    names = []
    node_class = import_module("django_cotton.templatetags._component").CottonComponentNode
    render = node_class.render

    def counting(node, context):
        names.append(node.component_name)
        return render(node, context)

    monkeypatch.setattr(node_class, "render", counting)
    return names


def test_a_kept_part_is_its_component():
    for status, method in (("verified", ""), ("verified", "attestation"), ("suspended", ""), ("other", "")):
        component = drawn("{% cotton status :status='s' :method='m' / %}", s=status, m=method)
        assert kept_part("status", {"status": status, "method": method}).strip() == component
    assert "Verified by attestation" in drawn('{% kept "status" status="verified" method="attestation" %}')


def test_a_part_is_drawn_once_for_the_same_arguments_and_anew_for_others(monkeypatch):
    names = counted_components(monkeypatch)
    texts = {kept_part("verdict", {"status": "pending", "left": left}) for left in ("07:31", "07:32", "07:31")}
    assert len(texts) == len(names) == 2


def test_each_language_has_parts_of_its_own(monkeypatch):
    known = trans_real.translation("de")._catalog._catalogs[0]
    monkeypatch.setitem(known, "Retired", "Außer Dienst")
    english = kept_part("server-status", {"status": "retired"})
    with translation.override("de"):
        german = kept_part("server-status", {"status": "retired"})
        assert figure(1234) == "1.234"
    assert "Retired" in english
    assert "Außer Dienst" in german
    assert figure(1234) == "1,234"
    assert kept_part("server-status", {"status": "retired"}) == english


def test_what_somebody_else_wrote_is_escaped_and_never_takes_the_place_of_markup():
    safe = kept_part("verdict", {"status": "denied", "words": SafeString("<b>No</b>")})
    text = kept_part("verdict", {"status": "denied", "words": "<b>No</b>"})
    assert "<b>No</b>" in safe
    assert "&lt;b&gt;No&lt;/b&gt;" in text
    assert HOSTILE not in kept_part("verdict", {"status": "denied", "words": HOSTILE})
    for drawing in (
        named_object(HOSTILE, "/x", HOSTILE),
        named_object(HOSTILE, HOSTILE),
        named_object(HOSTILE),
        drawn_sparkline([1, 2], HOSTILE),
        drawn_cells([[HOSTILE]]),
        drawn("{{ words|naming:name }}", words=SafeString("Open %(name)s"), name=HOSTILE),
        drawn('<c-x title="{{ words|naming:name }}">', words="Open %(name)s", name=HOSTILE),
    ):
        assert "<script>" not in drawing
        assert '" onload' not in drawing


def test_arguments_that_may_be_equal_and_read_differently_are_refused():
    with pytest.raises(TypeError, match="left is a Decimal"):
        kept("verdict", status="pending", left=Decimal("1.0"))


def test_an_object_in_a_row_is_that_of_its_component():
    component = drawn("{% cotton object name='{{ n }}' href='/a' title='{{ t }}' / %}", n="Tom & Jo's", t='A "b"')
    assert component == named_object("Tom & Jo's", "/a", 'A "b"')
    assert 'class="monogram" aria-hidden="true">TJ<' in component


def test_a_score_says_what_it_needs_and_whether_it_suffices():
    assert 'class="trust " title="95, needs 70"' in trust(95.0)
    assert "trust-low" in trust(66, "70", "50")
    assert "trust-bad" in trust("12")
    assert "Not scored" in trust(None)
    assert 'width="42.2"' in trust(Decimal(66), Decimal(70), Decimal(50))
    assert drawn("{% cotton trust score='66' / %}") == trust(66)


def test_times_are_written_in_the_zone_and_the_language():
    at = datetime(2026, 3, 1, 23, 4, 5, 67_000, tzinfo=UTC)
    with timezone.override("Europe/Berlin"):
        assert moment(at, "clock") == (
            '<time datetime="2026-03-01T23:04:05.067Z" title="2 Mar 2026, 00:04:05 CET\n2026-03-01 23:04:05.067 UTC">'
            "00:04:05</time>"
        )
        with translation.override("de"):
            assert "2 Mär" in moment(at, "day") or "2 März" in moment(at, "day")
    with timezone.override("UTC"):
        assert moment(at, "date") == (
            '<time datetime="2026-03-01T23:04:05.067Z" title="2026-03-01 23:04:05.067 UTC">1 Mar 2026</time>'
        )
    assert ago(None) == ""


def test_numbers_of_a_drawing_are_the_same_in_every_language():
    buckets = [Bucket(clock.now(), 7, 2, 1)] * 3
    source = "{% cotton volume :chart='chart' label='x' table='no' / %}"
    with translation.override("de"):
        german = drawn(source, chart=volume_chart(buckets, small=True))
    assert 'height="0,' not in german
    assert "<rect" in german
    assert german.count("<rect") == drawn(source, chart=volume_chart(buckets, small=True)).count("<rect")


def test_addresses_of_a_list_are_those_of_the_resolver():
    for name, shown in (("agents:agent-detail", "agt_77"), ("verification:verification-detail", "ver_0")):
        assert address_of(name, shown) == reverse(name, args=[shown])
    assert address_of("mcp:server-act", "mcp_9", "retire") == reverse("mcp:server-act", args=["mcp_9", "retire"])


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize("page", ["/dashboard/agents", "/dashboard/verifications?range=24h", "/dashboard/mcp"])
def test_no_row_of_a_list_draws_a_component(monkeypatch, page):
    admin = make_person(make_organization())

    def add(count):
        for _ in range(count):
            agent = make_agent(admin.actor, display_name="Same").agent
            decided(agent, clock.now())
            make_server(admin.actor)
            make_proved_server(admin.actor)

    browser = signed_in_browser(admin)
    names = counted_components(monkeypatch)

    def components():
        browser.get(page)
        names.clear()
        assert browser.get(page).status_code == 200
        return sorted(names)

    add(1)
    few = components()
    add(6)
    assert components() == few


@pytest.mark.requirement("R.2")
@pytest.mark.usefixtures("_database")
def test_the_sheet_of_keys_is_never_that_of_somebody_who_may_open_more():
    organization = make_organization()
    for role in (Role.ADMIN, Role.VIEWER, Role.ADMIN):
        person = make_person(organization, role=role)
        page = signed_in_browser(person).get("/dashboard/agents").content.decode()
        sheet = page.partition('id="keys"')[2].partition("</dialog>")[0]
        navigation = page.partition('class="nav-groups"')[2].partition("</nav>")[0]
        opened = set(re.findall(r'data-address="([^"]+)"', sheet))
        assert opened
        assert opened <= set(re.findall(r'href="([^"]+)"', navigation))


def test_a_kept_part_of_the_frame_has_the_token_of_its_own_request():
    looks = {
        "theme": "dark",
        "density": "standard",
        "themes": (("dark", "Dark"),),
        "densities": (),
        "may_design": False,
    }
    first, second = (kept_include("console/bar_menu.html", looks, csrf_token=token) for token in ("one", "two"))
    assert first.count('name="csrfmiddlewaretoken" value="one"') == first.count("<form") == 3
    assert second == first.replace('value="one"', 'value="two"')
    assert HOSTILE not in kept_include("console/bar_menu.html", looks, csrf_token=HOSTILE)
    assert reverse("design") not in first
    assert reverse("design") in kept_include("console/bar_menu.html", {**looks, "may_design": True}, csrf_token="one")


def test_a_kept_part_of_the_frame_is_that_of_its_arguments():
    none, some = (kept_include("accounts/bell.html", {"unread": unread, "most": 100}) for unread in (0, 7))
    assert "7 unread" in some
    assert "0 unread" not in none
    assert "23:59" in kept_include("console/offline.html", {"at": "23:59"})
    assert "23:59" not in kept_include("console/offline.html", {"at": "00:01"})


@pytest.mark.requirement("R.2")
@pytest.mark.usefixtures("_database")
def test_each_person_has_their_own_navigation_though_it_is_kept():
    organization = make_organization()
    seen = {}
    for role in (Role.ADMIN, Role.VIEWER, Role.ADMIN):
        person = make_person(organization, role=role)
        page = signed_in_browser(person).get(reverse("accounts:account")).content.decode()
        seen.setdefault(role, []).append(page[page.index('class="nav-groups"') : page.index("</nav>")])
    assert seen[Role.ADMIN][0] == seen[Role.ADMIN][1] != seen[Role.VIEWER][0]
    assert reverse("agents:agent-list") in seen[Role.ADMIN][0]
