"""`/ws/notifications` of the real web process, by a real client."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from accounts.models import Role
from accounts.services.members import remove_member
from accounts.services.notifications import mark_all_read
from agents.services.lifecycle import suspend_agent
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.browser import session_cookie
from tests.factories.followers import follow_all

pytestmark = [pytest.mark.slow, pytest.mark.requirement("R.1")]


def listen(product, *, token=None, cookie=None, origin=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if cookie:
        headers["Cookie"] = f"sessionid={cookie}"
    address = product.url.replace("http", "ws", 1) + "/ws/notifications"
    return connect(address, additional_headers=headers, origin=origin, open_timeout=60)


def unread(socket, seconds=60):
    return json.loads(socket.recv(timeout=seconds))["count"]


def test_each_hears_of_their_own_and_of_reading_it_elsewhere(product, admin):
    manager, stranger = make_person(admin.organization, Role.MANAGER), make_person(make_organization())
    with listen(product, token=manager.token) as socket, listen(product, token=stranger.token) as foreign:
        assert unread(socket) == unread(foreign) == 0
        suspend_agent(admin.actor, make_agent(admin.actor).agent.id, reason="Strange")
        follow_all("notifications")
        assert unread(socket) == 1
        mark_all_read(manager.actor)
        assert unread(socket) == 0
        with pytest.raises(TimeoutError):
            unread(foreign, seconds=3)


def test_it_closes_when_the_membership_ends(product, admin):
    leaving = make_person(admin.organization, Role.VIEWER)
    with listen(product, token=leaving.token) as socket:
        assert unread(socket) == 0
        remove_member(admin.actor, leaving.user.id, organization_id=admin.organization.id)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=60)
    assert closed.value.rcvd.code == 4401


def test_who_may_not_is_refused(product, admin):
    agent = make_agent(admin.actor)
    for options, status in (
        ({"token": "aimp_nobody"}, 401),
        ({"token": agent.api_key}, 401),
        ({"origin": "https://evil.example", "cookie": session_cookie(admin)}, 403),
    ):
        with pytest.raises(InvalidStatus) as refused, listen(product, **options):
            pass
        assert refused.value.response.status_code == status
