"""Every route of the API, by every kind of caller: the table in `accounts.permissions` and nothing else decides."""

import re
from functools import cache

import pytest

from accounts.api.permissions import METHODS, AnyActor, HasPermission, declared_permission
from accounts.checks import api_views
from accounts.models import Role
from accounts.permissions import AGENT_PERMISSIONS, ROLE_PERMISSIONS, Permission
from aim.ids import IdKind, show_id, uuid7
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.api import Api, problem

_PARAMETER = re.compile(r"<(?:str|path):(\w+)>")
_TEXTS = {"level": "0", "number": "000"}
_KINDS = {
    "agent_id": IdKind.AGENT,
    "approval_id": IdKind.APPROVAL,
    "challenge_id": IdKind.CHALLENGE,
    "containment_id": IdKind.CONTAINMENT,
    "invitation_id": IdKind.INVITATION,
    "request_id": IdKind.AGENT_REQUEST,
    "report_id": IdKind.REPORT,
    "report_file_id": IdKind.REPORT_FILE,
    "notification_id": IdKind.NOTIFICATION,
    "session_id": IdKind.SESSION,
    "deadlock_id": IdKind.DEADLOCK,
    "grant_id": IdKind.GRANT,
    "data_class_id": IdKind.DATA_CLASS,
    "policy_id": IdKind.POLICY,
    "version_id": IdKind.POLICY_VERSION,
    "run_id": IdKind.MCP_RUN,
    "server_id": IdKind.MCP_SERVER,
    "tool_id": IdKind.MCP_TOOL,
    "offering_id": IdKind.MCP_OFFERING,
    "server_key_id": IdKind.MCP_KEY,
    "rotation_id": IdKind.MCP_ROTATION,
    "team_id": IdKind.TEAM,
    "token_id": IdKind.TOKEN,
    "user_id": IdKind.USER,
    "verification_id": IdKind.VERIFICATION,
}

# The decision answers in a shape of its own, before any view of DRF; its suite covers who may ask.
ROUTES = sorted(
    (route, method, declared_permission(view, method))
    for route, view in api_views()
    if HasPermission in view.permission_classes and not route.endswith("verify/action")
    for method in METHODS
    if getattr(view, method.lower(), None) and method.lower() in view.http_method_names
)
CALLERS = [*(role.value for role in Role), "agent"]


def path_of(route: str, **known: str) -> str:
    """The route with ids that exist where they are known, and that nobody has otherwise."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in _TEXTS:
            return _TEXTS[name]
        kind = (IdKind.API_KEY if "api-keys" in route else IdKind.PUBLIC_KEY) if name == "key_id" else _KINDS[name]
        return known.get(name) or show_id(kind, uuid7())

    return "/" + _PARAMETER.sub(value, route).removeprefix("api/v1/")


@cache
def callers() -> dict[str, tuple[Api, frozenset[Permission]]]:
    organization = make_organization()
    people = {role: make_person(organization, role) for role in Role}
    agent = make_agent(people[Role.ADMIN].actor)
    return {
        **{role.value: (Api(person.token), ROLE_PERMISSIONS[role]) for role, person in people.items()},
        "agent": (Api(agent.api_key), AGENT_PERMISSIONS),
    }


def test_the_table_of_roles_only_grows():
    assert ROLE_PERMISSIONS[Role.VIEWER] <= ROLE_PERMISSIONS[Role.MEMBER]
    assert ROLE_PERMISSIONS[Role.MEMBER] <= ROLE_PERMISSIONS[Role.MANAGER] < ROLE_PERMISSIONS[Role.ADMIN]


@pytest.mark.requirement("R.2")
def test_routes_are_found():
    assert len(ROUTES) > 35


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize(("route", "method", "_permission"), ROUTES)
def test_anonymous_is_asked_for_credentials(route, method, _permission):
    response = Api().call(method, path_of(route), {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("route", "method", "permission"), ROUTES)
def test_the_declared_permission_decides(route, method, permission, caller):
    api, held = callers()[caller]
    response = api.call(method, path_of(route), None if method in {"GET", "DELETE"} else {})
    if isinstance(permission, AnyActor) or permission in held:
        assert response.status_code not in {401, 403}
        assert response.status_code < 500
    else:
        assert response.status_code == 403
        assert problem(response)["type"].endswith("permission_denied")


@pytest.mark.requirement("R.2")
@pytest.mark.parametrize(("route", "method", "permission"), ROUTES)
def test_a_permission_that_reads_allows_no_write(route, method, permission):
    if method != "GET" and not isinstance(permission, AnyActor):
        assert not permission.value.endswith(":read")


@cache
def victim() -> dict[str, str]:
    """An organization with one of everything."""
    organization = make_organization()
    admin = make_person(organization)
    agent = make_agent(admin.actor)
    team = Api(admin.token).post("/teams", {"name": "Team"}).json()["id"]
    Api(admin.token).post(f"/teams/{team}/members", {"user_id": admin.user.public_id})
    challenge = Api(admin.token).post(f"{agent.path}/challenge").json()["id"]
    token = Api(admin.token).get("/tokens").json()["results"][0]["id"]
    shown = Api(admin.token).get(agent.path).json()
    data_class = Api(admin.token).post("/data-classes", {"name": "sensitive", "patterns": ["/app/hr/**"]}).json()
    policy = Api(admin.token).post("/policies", {"document": {"name": "Policy", "effect": "deny"}}).json()["id"]
    version = Api(admin.token).get(f"/policies/{policy}/versions").json()["results"][0]["id"]
    return {
        "data_class_id": data_class["id"],
        "policy_id": policy,
        "version_id": version,
        "agent_id": shown["id"],
        "api_key_id": shown["api_keys"][0]["id"],
        "public_key_id": shown["public_keys"][0]["id"],
        "challenge_id": challenge,
        "team_id": team,
        "token_id": token,
        "user_id": admin.user.public_id,
    }


def _of_victim(route: str) -> str:
    known = dict(victim())
    known["key_id"] = known["api_key_id" if "api-keys" in route else "public_key_id"]
    return path_of(route, **known)


@pytest.mark.requirement("R.1")
@pytest.mark.parametrize(
    ("route", "method", "caller"),
    [
        (route, method, caller)
        for route, method, permission in ROUTES
        for caller, held in (("admin", ROLE_PERMISSIONS[Role.ADMIN]), ("agent", AGENT_PERMISSIONS))
        # The tree of hashes is one for all organizations, and belongs to none of them.
        if "<" in route and permission in held and "/tile/" not in route
    ],
)
def test_another_organizations_id_is_like_an_unknown_one(route, method, caller):
    api, _ = callers()[caller]
    body: object = None if method in {"GET", "DELETE"} else {}
    foreign, unknown = api.call(method, _of_victim(route), body), api.call(method, path_of(route), body)
    assert foreign.status_code == unknown.status_code == 404
    assert problem(foreign) == problem(unknown)


@pytest.mark.requirement("R.1")
def test_lists_hold_nothing_of_another_organization():
    ids = set(victim().values())
    for api, held in callers().values():
        for route, method, permission in ROUTES:
            if method == "GET" and "<" not in route and (isinstance(permission, AnyActor) or permission in held):
                text = api.get(path_of(route)).content.decode()
                assert not any(identifier in text for identifier in ids), route
