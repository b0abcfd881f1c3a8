"""A certificate renewed in one go, from the server's page: upload, verify, use again."""

import pytest
import trustme

from aim.ledger.events import Event
from mcp.models import McpServer, VerificationRun
from mcp.services.runs import perform_run
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.browser import signed_in_browser
from tests.factories.ledger import recorded
from tests.factories.mcp import make_server
from tests.mcp.sdk.running import sdk_server

pytestmark = [pytest.mark.usefixtures("loopback"), pytest.mark.requirement("E8")]


@pytest.fixture
def admin():
    return make_person(make_organization())


def suspended(admin, sdk, *, by_failures, **fields):
    """A server whose certificate of another authority has ended."""
    server = make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields(**fields))
    server.runs.all().delete()
    McpServer.objects.filter(id=server.id).update(status="suspended", suspended_by_failures=by_failures)
    return server


@pytest.mark.parametrize("by_failures", [True, False])
def test_upload_verify_and_resume_are_one_workflow(admin, sdk, by_failures):
    old = trustme.CA().cert_pem.bytes().decode()
    server = suspended(admin, sdk, by_failures=by_failures, ca_certificate=old)
    browser, address = signed_in_browser(admin), f"/dashboard/mcp/{server.public_id}"
    assert f"{address}/renew" in browser.get(f"{address}?tab=certificates").content.decode()
    assert "AIM verifies the server with it at once" in browser.get(f"{address}/renew").content.decode()
    events = [Event.MCP_SERVER_UPDATED]
    with recorded(admin.organization.id, *events):
        begun = browser.post(f"{address}/renew", {"ca_certificate": sdk.authority})
    run = server.runs.get()
    assert (begun.status_code, run.trigger, run.public_id in begun["Location"]) == (303, "renewal", True)
    perform_run(run.id)
    server.refresh_from_db()
    assert server.verification == "verified", VerificationRun.objects.get(id=run.id).error
    page = browser.get(begun["Location"]).content.decode()
    assert "Certificate renewed" in page
    if by_failures:
        assert (server.status, server.suspended_by_failures) == ("active", False)
        assert "The server is in use." in page
    else:
        assert server.status == "suspended"
        assert f"{address}/resume" in page


def test_the_same_certificate_is_verified_again_and_a_bad_one_is_refused(admin, sdk):
    server = suspended(admin, sdk, by_failures=True)
    browser, address = signed_in_browser(admin), f"/dashboard/mcp/{server.public_id}/renew"
    refused = browser.post(address, {"ca_certificate": "no certificate"})
    assert (refused.status_code, server.runs.count()) == (422, 0)
    assert browser.post(address, {"ca_certificate": sdk.authority, "private_key": "x"}).status_code == 422
    # The form of a browser ends its lines otherwise, which is no other certificate.
    browser.post(address, {"ca_certificate": sdk.authority.replace("\n", "\r\n")})
    perform_run(server.runs.get().id)
    server.refresh_from_db()
    assert (server.status, server.config_version) == ("active", 1)


def test_aims_own_certificate_is_renewed_in_the_same_way(admin, authority):
    clients = trustme.CA()
    with sdk_server(authority=authority, client_authority=clients) as sdk:
        server = suspended(admin, sdk, by_failures=True, auth_method="mtls")
        own = clients.issue_cert("aim.example")
        given = {
            "ca_certificate": sdk.authority,
            "certificate": own.cert_chain_pems[0].bytes().decode(),
            "private_key": own.private_key_pem.bytes().decode(),
        }
        begun = signed_in_browser(admin).post(f"/dashboard/mcp/{server.public_id}/renew", given)
        assert begun.status_code == 303
        perform_run(server.runs.get().id)
        server.refresh_from_db()
    assert (server.status, server.verification) == ("active", "verified")


def test_a_viewer_and_a_stranger_renew_nothing(admin, sdk):
    server = suspended(admin, sdk, by_failures=True)
    address = f"/dashboard/mcp/{server.public_id}/renew"
    assert signed_in_browser(make_person(admin.organization, Role.VIEWER)).get(address).status_code == 403
    assert signed_in_browser(make_person(make_organization())).get(address).status_code == 404
