"""The list of many servers: a fixed number of queries, and counts that agree with what is found."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from aim import clock
from aim.crypto.public_keys import describe_key
from mcp.models import ServerKey
from mcp.registry import Filters, listing_for, tallies_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.mcp import make_server


def new_key():
    return Ed25519PrivateKey.generate()


@pytest.mark.requirement("W6.1")
def test_a_page_asks_the_database_as_often_for_many_servers_as_for_one():
    admin = make_person(make_organization())
    browser, api = signed_in_browser(admin), Api(admin.token)
    asked = []
    for more in (1, 12):
        for _ in range(more):
            make_server(admin.actor, public_key=pem_of(new_key()))
        counts = []
        for ask in (lambda: browser.get("/dashboard/mcp"), lambda: api.get("/mcp-servers")):
            ask()
            with CaptureQueriesContext(connection) as queries:
                assert ask().status_code == 200
            counts.append(len(queries))
        asked.append(counts)
    assert asked[0] == asked[1]
    assert max(asked[1]) <= 15


@pytest.mark.requirement("W6.1", "W9.1")
def test_servers_are_counted_and_found_by_what_their_keys_amount_to():
    admin = make_person(make_organization())
    servers = {
        name: make_server(admin.actor, name=name, public_key=None if name == "missing" else pem_of(new_key()))
        for name in ("missing", "fine", "due", "rotating", "retired")
    }
    past = clock.now() - timedelta(days=91)
    ServerKey.objects.filter(server=servers["due"]).update(created_at=past, status="active")
    ServerKey.objects.filter(server=servers["rotating"]).update(created_at=past, status="active")
    ServerKey.objects.filter(server=servers["retired"]).update(created_at=past, status="retired")
    new = describe_key(new_key().public_key())
    ServerKey.objects.create(
        server=servers["rotating"],
        key_type=new.key_type,
        bits=new.bits,
        pem=new.pem,
        fingerprint=new.fingerprint,
        thumbprint=new.thumbprint,
    )
    everything, _ = tallies_of(admin.actor, Q())
    assert everything.by("key", Filters.read(QueryDict())) == {"missing": 2, "configured": 2, "rotating": 1}
    assert everything.by("rotation", Filters.read(QueryDict())) == {"fine": 4, "due": 1}
    for asked, names in (
        ("key=missing", {"missing", "retired"}),
        ("key=rotating&key=missing", {"missing", "retired", "rotating"}),
        ("rotation=due", {"due"}),
        ("rotation=fine&key=configured", {"fine"}),
        ("rotation=due&key=missing", set()),
    ):
        filters = Filters.read(QueryDict(asked))
        listing = listing_for(admin.actor, QueryDict(asked), filters, total=everything.total(filters))
        assert {row.server.name for row in listing.rows} == names, asked
        assert listing.page.total == len(names)
