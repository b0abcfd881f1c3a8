"""R19: two organizations, every operation of the published API, and ids of both wherever an id can stand."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.chaos.agents import Agent, Organization, verify_call
from tests.chaos.client import Connection
from tests.chaos.installation import Installation
from tests.chaos.outcome import Outcome

_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}")
_PREFIXES = {
    "agent_id": "agt",
    "approval_id": "apr",
    "challenge_id": "chl",
    "containment_id": "ctn",
    "data_class_id": "dcl",
    "deadlock_id": "dlk",
    "grant_id": "gnt",
    "invitation_id": "inv",
    "notification_id": "ntf",
    "policy_id": "pol",
    "rotation_id": "mro",
    "run_id": "mrn",
    "server_id": "mcp",
    "server_key_id": "mky",
    "report_id": "rpt",
    "report_file_id": "rep",
    "request_id": "arq",
    "session_id": "ses",
    "team_id": "tea",
    "token_id": "tok",
    "tool_id": "mtl",
    "offering_id": "mof",
    "user_id": "usr",
    "verification_id": "ver",
    "version_id": "pov",
}
# Hashes alone, the same for everybody: they belong to no organization.
_PUBLIC = {"/api/v1/ledger/tile/{level}/{number}"}
# These end what the run itself stands on.
_SPARED = {("DELETE", "/api/v1/members/{user_id}"), ("PATCH", "/api/v1/members/{user_id}")}


@dataclass
class Tenant:
    """One organization: what it made is known by its ids, and by a mark in every name."""

    organization: Organization
    mark: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)

    def learn(self, answer: object) -> None:
        for found in _ID.findall(str(answer)):
            known = self.ids.setdefault(found[:3], [])
            if found not in known:
                known.append(found)

    def traces(self) -> list[str]:
        return [self.mark, self.organization.name, *(found for ids in self.ids.values() for found in ids)]


@dataclass(frozen=True)
class Operation:
    """One method of one path. `queries` are the names of its filters."""

    method: str
    path: str
    queries: tuple[str, ...]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def prefix(self, parameter: str) -> str:
        if parameter == "key_id":
            return "key" if "/api-keys/" in self.path else "pub"
        return _PREFIXES[parameter]


def two_tenants(site: Installation, *, steps: int, runs: int) -> Outcome:
    """So many runs of so many steps each, chosen by hypothesis."""
    outcome = Outcome("R19", "two organizations, all operations of the API")
    tenants = [_tenant(site), _tenant(site)]
    operations = _operations(tenants[0].organization)
    outcome.notes.append(f"{len(operations)} operations")
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    # A callable will do, whatever the annotation says: each run makes a machine by it.
    run_state_machine_as_test(partial(Tenancy, tenants, operations, outcome), settings=chosen)
    return outcome


class Tenancy(RuleBasedStateMachine):
    """What both organizations do is kept over all runs: the more there is, the more could be seen."""

    def __init__(self, tenants: list[Tenant], operations: list[Operation], outcome: Outcome) -> None:
        super().__init__()
        self.tenants = tenants
        self.operations = operations
        self.outcome = outcome

    @rule(who=st.integers(0, 1))
    def register(self, who: int) -> None:
        _add_agent(self.tenants[who])

    @rule(who=st.integers(0, 1), kind=st.sampled_from(["teams", "containments", "api-keys"]))
    def make(self, who: int, kind: str) -> None:
        tenant = self.tenants[who]
        name = f"{tenant.mark} {secrets.token_hex(4)}"
        if kind == "teams":
            made = tenant.organization.call("POST", "/api/v1/teams", {"name": name})
        elif kind == "containments":
            body = {"kind": "session", "pattern": name, "reason": name}
            made = tenant.organization.call("POST", "/api/v1/containments", body)
        else:
            made = tenant.organization.call("POST", f"/api/v1/agents/{tenant.agents[-1].id}/api-keys", {})
        tenant.learn(made)

    @rule(who=st.integers(0, 1), allowed=st.booleans())
    def ask(self, who: int, allowed: bool) -> None:
        tenant = self.tenants[who]
        tenant.learn(_ask(tenant, resource="/app/x" if allowed else f"/etc/{tenant.mark}"))

    @rule(data=st.data(), who=st.integers(0, 1), as_agent=st.booleans())
    def reach(self, data: st.DataObject, who: int, as_agent: bool) -> None:
        """Any operation, with ids of the own and of the other organization."""
        tenant, other = self.tenants[who], self.tenants[1 - who]
        operation = data.draw(st.sampled_from(self.operations))
        path, twin, foreign = operation.path, operation.path, False
        for parameter in operation.parameters:
            prefix = operation.prefix(parameter)
            theirs = data.draw(st.booleans())
            pool = (other if theirs else tenant).ids.get(prefix) or [f"{prefix}_{secrets.token_hex(16)}"]
            # What there is grows from run to run, and hypothesis wants the same range each time.
            value = pool[data.draw(st.integers(0, 9999)) % len(pool)]
            foreign |= theirs
            path = path.replace(f"{{{parameter}}}", value)
            twin = twin.replace(f"{{{parameter}}}", f"{prefix}_{secrets.token_hex(16)}" if theirs else value)
        if operation.parameters and not foreign and operation.method != "GET":
            return
        query = _query(operation, other)
        token = tenant.agents[0].api_key if as_agent else None
        answer = tenant.organization.call(operation.method, path + query, _body(operation), token=token)
        self.outcome.tries += 1
        seen = self._leaks(answer, other, sent=path + query)
        assert not seen, f"I10: {operation.method} {path}{query} showed {seen}: {answer}"
        if foreign:
            unknown = tenant.organization.call(operation.method, twin + query, _body(operation), token=token)
            assert _bare(answer) == _bare(unknown), f"I10: {operation.method} {path}: {answer}, but {unknown}"
            assert answer[0] == 404 or as_agent, f"I10: {operation.method} {path} was answered {answer}"
            assert answer[0] in {403, 404}, f"I10: {operation.method} {path} was answered {answer}"

    @rule(who=st.integers(0, 1))
    def impersonate(self, who: int) -> None:
        """A question in the name of the other organization's agent, by an own key."""
        tenant, other = self.tenants[who], self.tenants[1 - who]
        body = {"agent_id": other.agents[-1].id, "action_type": "file_read", "resource": "/app/x"}
        key = tenant.agents[0].api_key
        status, answer = tenant.organization.call("POST", "/api/v1/verify/action", body, token=key)
        self.outcome.tries += 1
        assert status == 401, f"I10: {tenant.agents[0].id} asked as {body['agent_id']} and got {answer}"

    @invariant()
    def organizations_differ(self) -> None:
        assert not set(self.tenants[0].traces()) & set(self.tenants[1].traces())

    @staticmethod
    def _leaks(answer: tuple[int, Any], other: Tenant, *, sent: str) -> list[str]:
        text = str(answer)
        return [trace for trace in other.traces() if trace in text and trace not in sent]


def _tenant(site: Installation) -> Tenant:
    organization = Organization(site)
    tenant = Tenant(organization, f"mark{secrets.token_hex(8)}")
    for path in ("me", "members", "tokens", "organization"):
        tenant.learn(organization.expect(200, "GET", f"/api/v1/{path}"))
    _add_agent(tenant)
    tenant.learn(organization.expect(201, "POST", "/api/v1/teams", {"name": tenant.mark}))
    tenant.learn(_ask(tenant, resource="/app/x"))
    return tenant


def _add_agent(tenant: Tenant) -> None:
    agent = tenant.organization.agent(name=f"{tenant.mark}-{secrets.token_hex(4)}", require_approval=["file_list"])
    tenant.agents.append(agent)
    tenant.learn(tenant.organization.expect(200, "GET", f"/api/v1/agents/{agent.id}"))
    tenant.learn(tenant.organization.expect(200, "GET", f"/api/v1/agents/{agent.id}/history"))


def _ask(tenant: Tenant, *, resource: str) -> str:

    async def ask() -> bytes:
        connection = Connection(tenant.organization.site.port)
        _, _, body = await connection.exchange(verify_call(tenant.agents[-1], resource=resource).raw)
        connection.close()
        return body

    return asyncio.run(ask()).decode()


def _operations(organization: Organization) -> list[Operation]:
    """All that the published description names: what is added to the API is tried here without another line."""
    schema = organization.expect(200, "GET", "/api/v1/schema?format=json")
    return [
        Operation(
            method.upper(),
            path,
            tuple(p["name"] for p in operation.get("parameters", []) if p["in"] == "query"),
        )
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if (method.upper(), path) not in _SPARED and path not in _PUBLIC
    ]


def _query(operation: Operation, other: Tenant) -> str:
    """Filters that point to the other organization."""
    wanted = {"agent": other.agents[-1].id, "q": other.mark, "owner": (other.ids.get("usr") or [""])[0]}
    given = [f"{name}={wanted[name]}" for name in operation.queries if name in wanted]
    return f"?{'&'.join(given)}" if given else ""


def _body(operation: Operation) -> dict[str, str] | None:
    if operation.method in {"GET", "DELETE"}:
        return None
    return {"reason": "chaos"}


def _bare(answer: tuple[int, Any]) -> tuple[int, Any]:
    """The answer without what differs between any two requests."""
    status, body = answer
    return status, {name: value for name, value in body.items() if name != "request_id"} if body else body
