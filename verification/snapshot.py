"""What is true of one agent at one epoch, read in one statement and ready to decide from without any further query."""

from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, LiteralString
from uuid import UUID

from agents.catalogue import actions_of
from aim.canonical import canonical_json
from aim.crypto.verifiers import Verifier
from aim.ids import IdKind, show_id
from aim.resources.patterns import Scope, compile_scope
from verification.agent_rules import Rules, compile_rules
from verification.behaviour.live import AnomalyRules, Behaviour, read_profile
from verification.behaviour.profile import Profile
from verification.grants import NO_GRANTS, Grants, compile_grants
from verification.mcp_servers import NO_SERVERS, ServerBook
from verification.policies.compiled import NO_POLICIES, AgentFacts, AgentPolicies, PolicyBook
from verification.trust.head import check_head

LOAD_BY_AGENT: LiteralString = """
SELECT h.id AS trust_id, h.organization_id AS trust_organization_id, h.agent_id AS trust_agent_id,
    h.number AS trust_number, h.cause AS trust_cause, h.reason AS trust_reason, h.delta AS trust_delta,
    h.score AS trust_head, h.entry_id AS trust_entry_id, h.seq AS trust_seq, h.at AS trust_at,
    h.previous AS trust_previous, h.key_id AS trust_key_id, h.signature AS trust_signature,
    EXISTS (SELECT FROM agents_trustaccount t WHERE t.agent_id = a.id AND t.frozen_at IS NOT NULL) AS trust_frozen,
    o.timezone, coalesce(vs.anomaly_effect, 'require_approval') AS anomaly_effect,
    coalesce(vs.anomaly_threshold, 80) AS anomaly_threshold,
    coalesce(bp.version, 0) AS behaviour_version, bp.profile::text AS behaviour,
    a.id, a.organization_id, o.status = 'active' AS organization_active, r.epoch, r.trust_score,
    a.name, a.version, a.config_version, a.status, a.status_reason, a.capabilities, a.resource_scope,
    a.access_scope_kind, a.access_scope_ids, a.allowed_ip_ranges, a.require_approval, a.auto_deny,
    a.require_signature, a.min_trust, a.calls_per_hour, a.bytes_per_day,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(k.thumbprint, k.pem)), '[]') FROM agents_publickey k
        WHERE k.agent_id = a.id AND k.status = 'active') AS public_keys,
    (SELECT coalesce(
        jsonb_agg(jsonb_build_array(encode(k.digest, 'hex'), k.prefix, extract(epoch FROM k.expires_at))), '[]')
        FROM agents_apikey k WHERE k.agent_id = a.id AND k.revoked_at IS NULL) AS api_keys,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(c.kind, c.pattern)), '[]') FROM verification_containment c
        WHERE c.organization_id = a.organization_id AND c.lifted_at IS NULL) AS containments,
    (SELECT coalesce(jsonb_agg(DISTINCT m.user_id), '[]') FROM accounts_team t
        JOIN accounts_team_members tm ON tm.team_id = t.id JOIN accounts_membership m ON m.id = tm.membership_id
        WHERE a.access_scope_kind = 'teams' AND t.organization_id = a.organization_id
            AND a.access_scope_ids ? ('tea_' || replace(t.id::text, '-', ''))) AS team_users,
    coalesce((SELECT b.generation FROM verification_policybook b WHERE b.organization_id = a.organization_id), 0)
        AS policy_generation,
    coalesce((SELECT m.generation FROM mcp_serverbook m WHERE m.organization_id = a.organization_id), 0)
        AS servers_generation,
    a.tags, (SELECT coalesce(jsonb_agg('tea_' || replace(t.id::text, '-', '')), '[]') FROM accounts_team t
        WHERE t.organization_id = a.organization_id
            AND (a.access_scope_kind = 'teams' AND a.access_scope_ids ? ('tea_' || replace(t.id::text, '-', ''))
                OR EXISTS (SELECT FROM accounts_team_members tm JOIN accounts_membership m ON m.id = tm.membership_id
                    WHERE tm.team_id = t.id AND m.user_id = a.owner_id))) AS teams,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(g.id, g.action_type, g.resource, g.is_pattern, g.mcp_server, g.tool,
        g.checks, g.covers, extract(epoch FROM g.expires_at), g.granted_by) ORDER BY g.id), '[]')
        FROM verification_grant g
        WHERE g.agent_id = a.id AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()) AS grants
FROM agents_agent a
JOIN agents_agentruntime r ON r.agent_id = a.id
JOIN accounts_organization o ON o.id = a.organization_id
LEFT JOIN LATERAL (
    SELECT * FROM agents_trustevent e WHERE e.agent_id = a.id ORDER BY e.number DESC LIMIT 1) h ON true
LEFT JOIN verification_verificationsettings vs ON vs.organization_id = a.organization_id
LEFT JOIN verification_behaviourprofile bp ON bp.agent_id = a.id
WHERE a.id = %s
"""
FIND_BY_KEY: LiteralString = "SELECT agent_id FROM agents_apikey WHERE digest = %s AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class Containments:
    """What the organization has shut off, ready to compare with."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    users: frozenset[str]
    sessions: frozenset[str]
    destinations: frozenset[str]
    resources: Scope | None


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    agent_id: bytes
    """The 16 bytes of the UUID, as the ids of the hot path all are: hashed and compared without a Python call."""
    hex_id: str
    public_id: str
    organization_id: bytes
    organization_hex: str
    organization_active: bool
    state_json: bytes
    """What the record says of the agent at that moment, encoded once."""
    epoch: int
    trust_score: Decimal | None
    trust_detail: str
    """The score beside what the agent needs, in words."""
    name: str
    version: str
    config_version: int
    status: str
    status_reason: str
    actions: frozenset[str]
    scope: Scope
    users: frozenset[str] | None
    """Whom the agent may act for; None means everybody in the organization."""
    networks: tuple[IPv4Network | IPv6Network, ...]
    require_approval: Rules
    auto_deny: Rules
    require_signature: bool
    min_trust: int
    calls_per_hour: int
    bytes_per_day: int
    admission: tuple[str, ...]
    """What the writer compares and counts against, as text: id, epoch, trust score, calls an hour, bytes a day."""
    verifiers: dict[str, Verifier]
    api_keys: dict[bytes, tuple[str, float | None]]
    """SHA-256 of the key → its public prefix and when it expires, in seconds since 1970."""
    containments: Containments
    policies: AgentPolicies
    """What the organization's policies say of this agent's actions."""
    behaviour: Behaviour
    """What is usual for the agent. Moves on while the rest stays as it is."""
    grants: Grants
    """Approvals that were given in advance."""
    broken: tuple[str, ...]
    """What of the configuration could not be understood: anything here denies every action."""
    servers: ServerBook = NO_SERVERS
    """The organization's verified MCP servers."""

    def authenticates(self, key_digest: bytes, now: float) -> bool:
        """Whether the API key is this agent's, unexpired, and its organization active."""
        key = self.api_keys.get(key_digest)
        return key is not None and self.organization_active and (key[1] is None or now < key[1])


def snapshot_from_row(
    row: dict[str, Any], book: PolicyBook | None = None, servers: ServerBook | None = None
) -> AgentSnapshot:
    """Compile a row of `LOAD_BY_AGENT`. What cannot be compiled is named in `broken`, and denies.

    `book` has the organization's policies, and `servers` its MCP servers, where it has any.
    """
    broken: list[str] = []
    if row["policy_generation"] and book is None:
        broken.append("policies: not read")
    if row["servers_generation"] and servers is None:
        broken.append("MCP servers: not read")
    actions = _compiled("capabilities", lambda: actions_of(row["capabilities"]), frozenset(), broken)
    _compiled("trust score", lambda: check_head(row), None, broken)
    return AgentSnapshot(
        agent_id=row["id"].bytes,
        hex_id=row["id"].hex,
        public_id=show_id(IdKind.AGENT, row["id"]),
        organization_id=row["organization_id"].bytes,
        organization_hex=row["organization_id"].hex,
        organization_active=row["organization_active"],
        state_json=_state_json(row),
        epoch=row["epoch"],
        trust_score=row["trust_score"],
        trust_detail=_trust_detail(row),
        name=row["name"],
        version=row["version"],
        config_version=row["config_version"],
        status=row["status"],
        status_reason=row["status_reason"],
        actions=actions,
        scope=_compiled("resource scope", lambda: compile_scope(row["resource_scope"]), compile_scope([]), broken),
        users=_users(row),
        networks=_compiled("allowed IP ranges", lambda: _networks(row["allowed_ip_ranges"]), (), broken),
        require_approval=_compiled(
            "require-approval list", lambda: compile_rules(row["require_approval"]), compile_rules([]), broken
        ),
        auto_deny=_compiled("auto-deny list", lambda: compile_rules(row["auto_deny"]), compile_rules([]), broken),
        require_signature=row["require_signature"],
        min_trust=row["min_trust"],
        calls_per_hour=row["calls_per_hour"],
        bytes_per_day=row["bytes_per_day"],
        admission=(
            row["id"].hex,
            str(row["epoch"]),
            "NULL" if row["trust_score"] is None else str(row["trust_score"]),
            str(row["calls_per_hour"]),
            str(row["bytes_per_day"]),
        ),
        verifiers=_compiled("public keys", lambda: _verifiers(row["public_keys"]), {}, broken),
        api_keys={bytes.fromhex(digest): (prefix, expires) for digest, prefix, expires in row["api_keys"]},
        containments=_compiled("containments", lambda: _containments(row["containments"]), _NOTHING, broken),
        policies=NO_POLICIES if book is None else book.for_agent(agent_facts(row), actions),
        behaviour=_compiled("behaviour profile", lambda: _behaviour(row), _OFF, broken),
        grants=_compiled("grants", lambda: compile_grants(row["grants"]), NO_GRANTS, broken),
        broken=tuple(broken),
        servers=servers or NO_SERVERS,
    )


def agent_facts(row: dict[str, Any]) -> AgentFacts:
    """What policies go by of the agent in a row of `LOAD_BY_AGENT`."""
    return AgentFacts(show_id(IdKind.AGENT, row["id"]), row["name"], frozenset(row["tags"]), frozenset(row["teams"]))


def _behaviour(row: dict[str, Any]) -> Behaviour:
    rules = AnomalyRules(row["timezone"], row["anomaly_threshold"], row["anomaly_effect"])
    return Behaviour(rules, read_profile(row["behaviour"]), row["behaviour_version"])


def _compiled(name: str, build: Any, otherwise: Any, broken: list[str]) -> Any:
    try:
        return build()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with stored configuration must deny, not crash
        broken.append(f"{name}: {error}")
        return otherwise


def _state_json(row: dict[str, Any]) -> bytes:
    trust = row["trust_score"]
    # RFC 8785 writes a whole number without a fraction.
    shown = None if trust is None else int(trust) if trust == trust.to_integral_value() else float(trust)
    return canonical_json(
        {
            "config_version": row["config_version"],
            "epoch": row["epoch"],
            "min_trust": row["min_trust"],
            "status": row["status"],
            "trust_score": shown,
            "version": row["version"],
        }
    )


def _trust_detail(row: dict[str, Any]) -> str:
    trust = row["trust_score"]
    return f"{'not scored' if trust is None else f'{trust.normalize():f}'}, needs {row['min_trust']}"


def _users(row: dict[str, Any]) -> frozenset[str] | None:
    match row["access_scope_kind"]:
        case "organization":
            return None
        case "users":
            return frozenset(row["access_scope_ids"])
        case _:
            return frozenset(show_id(IdKind.USER, UUID(user)) for user in row["team_users"])


def _networks(ranges: list[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in ranges)


def _verifiers(keys: list[list[str]]) -> dict[str, Verifier]:
    return {thumbprint: Verifier.from_pem(pem) for thumbprint, pem in keys}


def _containments(rows: list[list[str]]) -> Containments:
    by_kind: dict[str, list[str]] = {}
    for kind, pattern in rows:
        by_kind.setdefault(kind, []).append(pattern)
    return Containments(
        networks=_networks(by_kind.get("address", [])),
        users=frozenset(by_kind.get("user", [])),
        sessions=frozenset(by_kind.get("session", [])),
        destinations=frozenset(by_kind.get("destination", [])),
        resources=compile_scope(by_kind["resource"]) if "resource" in by_kind else None,
    )


_OFF = Behaviour(AnomalyRules("UTC", 100, "off"), Profile())
_NOTHING = Containments(networks=(), users=frozenset(), sessions=frozenset(), destinations=frozenset(), resources=None)


def address_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether the address lies in one of the networks; an IPv4 address in IPv6 form counts as IPv4."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)
