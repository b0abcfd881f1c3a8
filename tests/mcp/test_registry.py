import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.ledger.events import Event
from mcp.models import McpServer
from tests.factories.accounts import Role, make_organization, make_person
from tests.factories.agents import make_agent, pem_of
from tests.factories.api import Api, messages, problem
from tests.factories.ledger import recorded
from tests.factories.mcp import generation_of, make_server, make_tool, server_configuration
from tests.factories.threads import at_once


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def api(admin):
    return Api(admin.token)


@pytest.mark.requirement("W6.2", "W8.1", "W8.2")
def test_registration_answers_the_server_active_and_unverified(admin, api):
    agent = make_agent(admin.actor).agent
    body = server_configuration(
        name="filesystem-mcp",
        verification_url="https://mcp.company.com/filesystem/verify",
        health_endpoint="/health",
        auth_method="mtls",
        ca_certificate=trustme.CA().cert_pem.bytes().decode(),
        allowed_ip_ranges=["10.0.0.0/8", "192.168.1.0/24"],
        allowed_agents=[agent.public_id],
        public_key=pem_of(rsa.generate_private_key(65537, 2048)),
        key_type="RSA-2048",
    )
    with recorded(admin.organization.id, Event.MCP_SERVER_REGISTERED):
        response = api.post("/mcp-servers", body)
    assert response.status_code == 201, response.content
    server = response.json()
    assert server["id"].startswith("mcp_")
    assert (server["status"], server["verification"]) == ("active", "unverified")
    assert (server["timeout_seconds"], server["rate_per_minute"], server["reverify_hours"]) == (30, 100, 24)
    [key] = server["keys"]
    assert (key["type"], key["bits"], key["status"]) == ("rsa", 2048, "unproved")
    sentences = [notice["message"] for notice in server["notices"]]
    assert "Mutual TLS requires valid certificates" in sentences
    assert "Health check will run every 5 minutes" in sentences
    assert "Your server must sign responses with the corresponding private key" in sentences
    assert api.get(f"/mcp-servers/{server['id']}").json()["name"] == "filesystem-mcp"
    assert [row["id"] for row in api.get("/mcp-servers?q=FileSystem-m").json()["results"]] == [server["id"]]


@pytest.mark.requirement("W8.5")
def test_a_key_that_is_no_key_or_of_another_type_is_refused_in_the_users_words(api):
    no_key = api.post("/mcp-servers", server_configuration(public_key="no key"))
    assert messages(no_key)[0] == ("public_key", "Invalid PEM format. Please check your public key.")
    pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
    other = api.post("/mcp-servers", server_configuration(public_key=pem, key_type="RSA-2048"))
    assert messages(other)[0] == (
        "public_key",
        "Key type doesn't match detected algorithm. Check key type selection.",
    )
    good = api.post("/mcp-servers", server_configuration(public_key=pem, key_type="ECDSA P-256"))
    assert good.status_code == 201


@pytest.mark.requirement("W6.2")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://mcp.company.com"),
        ("url", "http://mcp.company.com"),
        ("url", "https://user:secret@mcp.company.com"),
        ("url", "https://mcp.company.com/#x"),
        ("url", "https://mcp.company.com:0"),
        ("url", "https:///path"),
        ("url", "https://mcp.compány.com"),
        ("verification_url", "file:///etc/passwd"),
        ("health_endpoint", "//elsewhere.example/health"),
        ("health_endpoint", "health"),
        ("timeout_seconds", 0),
        ("rate_per_minute", 0),
        ("allowed_ip_ranges", ["10.0.0.1/8"]),
        ("allowed_agents", ["agt_" + "0" * 32]),
        ("ca_certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("protocol", "MCP v0"),
        ("auth_method", "password"),
        ("api_key", "unknown field"),
    ],
)
def test_bad_fields_are_refused_by_name(api, field, value):
    response = api.post("/mcp-servers", server_configuration(**{field: value}))
    assert response.status_code == 400
    assert [name.partition("[")[0] for name, _ in messages(response)] == [field]


def test_every_problem_is_named_at_once(api):
    response = api.post("/mcp-servers", server_configuration(rate_per_minute=0, name=""))
    assert {name for name, _ in messages(response)} >= {"name", "rate_per_minute"}
    bad = server_configuration(url="nowhere", health_endpoint="health")
    assert {name for name, _ in messages(api.post("/mcp-servers", bad))} == {"url", "health_endpoint"}


def test_without_any_method_of_verification_there_is_nothing_to_register(api):
    off = {"verify_signature": False, "verify_tls": False, "verify_health": False, "verify_capabilities": False}
    assert api.post("/mcp-servers", server_configuration(**off)).status_code == 400


def test_one_name_is_registered_once_at_once(admin):
    api, body = Api(admin.token), server_configuration()
    statuses = at_once(6, lambda _: Api(admin.token).post("/mcp-servers", body).status_code)
    assert sorted(statuses) == [201] + [409] * 5
    refused = api.post("/mcp-servers", {**body, "name": body["name"].upper()})
    assert messages(refused) == [("name", "Server name already exists. Use a different name.")]


@pytest.mark.requirement("R.1")
def test_another_organizations_server_is_as_unknown_as_one_that_does_not_exist(admin):
    server = make_server(admin.actor)
    tool = make_tool(server)
    stranger = Api(make_person(make_organization()).token)
    unknown = "mcp_" + "0" * 32
    for method, path in [
        ("GET", ""),
        ("PATCH", ""),
        ("GET", "/history"),
        ("POST", "/suspend"),
        ("GET", "/tools"),
        ("PATCH", f"/tools/mtl_{tool.id.hex}"),
        ("POST", f"/tools/mtl_{tool.id.hex}/approve"),
    ]:
        theirs = stranger.call(method, f"/mcp-servers/{server.public_id}{path}", {"nonsense": 1})
        nobodys = stranger.call(method, f"/mcp-servers/{unknown}{path}", {"nonsense": 1})
        assert theirs.status_code == 404, path
        assert problem(theirs) == problem(nobodys)
    assert stranger.get("/mcp-servers").json()["results"] == []


@pytest.mark.requirement("R.2")
def test_a_member_reads_and_does_not_change(admin):
    server = make_server(admin.actor)
    member = Api(make_person(admin.organization, Role.MEMBER).token)
    assert member.get(f"/mcp-servers/{server.public_id}").status_code == 200
    assert member.post("/mcp-servers", server_configuration()).status_code == 403


def test_a_server_at_another_address_is_unverified_again_and_decisions_know(admin, api):
    server = make_server(admin.actor)
    McpServer.objects.filter(id=server.id).update(verification="verified")
    before = generation_of(admin.organization.id)
    with recorded(admin.organization.id, Event.MCP_SERVER_UPDATED) as added:
        changed = api.patch(f"/mcp-servers/{server.public_id}", {"url": "https://mcp.company.com/moved"})
    assert (changed.status_code, changed.json()["verification"], changed.json()["config_version"]) == (
        200,
        "unverified",
        2,
    )
    assert added[0]["data"]["changes"]["url"]["after"] == "https://mcp.company.com/moved"
    assert generation_of(admin.organization.id) > before
    with recorded(admin.organization.id):
        api.patch(f"/mcp-servers/{server.public_id}", {"url": "https://mcp.company.com/moved"})


def test_suspending_resuming_and_retiring_follow_the_one_table(admin, api):
    server = make_server(admin.actor)
    path = f"/mcp-servers/{server.public_id}"
    assert api.post(f"{path}/resume", {"reason": "x"}).status_code == 409
    assert api.post(f"{path}/suspend", {}).status_code == 400
    with recorded(admin.organization.id, Event.MCP_SERVER_SUSPENDED):
        assert api.post(f"{path}/suspend", {"reason": "drift"}).json()["status"] == "suspended"
    assert api.post(f"{path}/resume", {"reason": "fine"}).json()["status"] == "active"
    assert api.post(f"{path}/retire", {"reason": "gone"}).json()["status"] == "retired"
    assert api.post(f"{path}/resume", {"reason": "back"}).status_code == 409
    assert api.patch(path, {"version": "2"}).status_code == 409
    kinds = [row["kind"] for row in api.get(f"{path}/history").json()["results"]]
    assert kinds[0] == "mcp.server.retired"


@pytest.mark.requirement("W6.5")
def test_a_tool_is_off_until_somebody_switches_it_on(admin, api):
    server = make_server(admin.actor)
    tool = make_tool(server)
    path = f"/mcp-servers/{server.public_id}/tools"
    [shown] = api.get(path).json()
    assert (shown["enabled"], shown["permission"]) == (False, "approval")
    before = generation_of(admin.organization.id)
    with recorded(admin.organization.id, Event.MCP_TOOL_UPDATED):
        changed = api.patch(f"{path}/mtl_{tool.id.hex}", {"enabled": True, "permission": "auto"})
    assert (changed.json()["enabled"], changed.json()["permission"]) == (True, "auto")
    assert generation_of(admin.organization.id) > before
    assert api.patch(f"{path}/mtl_{tool.id.hex}", {"permission": "maybe"}).status_code == 400


@pytest.mark.requirement("W6.8")
def test_a_tool_that_has_changed_stays_off_until_its_new_definition_is_approved(admin, api):
    server = make_server(admin.actor)
    offered = {"name": "read_file", "description": "Reads a file and sends it away"}
    tool = make_tool(server, offered=offered, held_reason="Its description has changed")
    path = f"/mcp-servers/{server.public_id}/tools/mtl_{tool.id.hex}"
    assert api.patch(path, {"enabled": True}).status_code == 409
    with recorded(admin.organization.id, Event.MCP_TOOL_APPROVED):
        approved = api.post(f"{path}/approve")
    assert (approved.json()["definition"], approved.json()["offered"]) == (offered, None)
    assert api.post(f"{path}/approve").status_code == 409
    assert api.patch(path, {"enabled": True}).status_code == 200


def test_a_key_by_itself_needs_no_declared_type(api):
    made = api.post("/mcp-servers", server_configuration(public_key=pem_of(Ed25519PrivateKey.generate())))
    assert made.json()["keys"][0]["type"] == "ed25519"
