"""From a batch of entries to profiles: only what was approved is learned, and what looked odd counts for little.

A busy agent is learned from by samples, which the entries' own ids choose, so that every reading takes the same ones.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from accounts.models import Organization
from aim.arrays import text_array, uuid_array
from aim.ids import uuid_of
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from aim.resources.resource import normalize_resource
from aim.resources.text import HostileResourceError
from verification.behaviour.profile import Profile, begin_anew, learn
from verification.behaviour.scoring import hour_points, judge
from verification.behaviour.traits import Traits, hour_of_week, traits_of
from verification.models import BehaviourProfile

KINDS = frozenset({Event.VERIFICATION_DECIDED, Event.APPROVAL_APPROVED, Event.AGENT_UPDATED})
_ODD, _ODD_WEIGHT, _ODD_SECONDS = 25, 0.1, 6 * 3600
_BUSY = 30
"""Actions a minute from which on only samples are taken."""
_RAREST = 16
_MATTERS = frozenset({"version", "capabilities", "resource_scope"})
_KNOWN = "SELECT agent_id, profile::text FROM verification_behaviourprofile WHERE agent_id = ANY (%s::uuid[])"
_SAVE = """
INSERT INTO verification_behaviourprofile (agent_id, organization_id, version, profile, updated_at)
SELECT agent_id, organization_id, 1, profile, clock_timestamp()
FROM unnest(%s::uuid[], %s::uuid[], %s::jsonb[]) AS t(agent_id, organization_id, profile)
ON CONFLICT (agent_id) DO UPDATE SET
    version = verification_behaviourprofile.version + 1, profile = EXCLUDED.profile, updated_at = EXCLUDED.updated_at
"""

_decode = msgspec.json.Decoder(Profile).decode
_encode = msgspec.json.Encoder().encode


def learn_from(entries: Sequence[SealedEntry]) -> None:
    """Take the entries into account, in the caller's transaction."""
    useful = [
        (_agent_of(entry.body), entry.organization_id, entry)
        for entry in entries
        if entry.organization_id is not None and _matters(entry.body)
    ]
    if not useful:
        return
    profiles = _known_profiles({agent for agent, _, _ in useful})
    organizations = {organization for _, organization, _ in useful}
    zones = dict(Organization.objects.filter(id__in=organizations).values_list("id", "timezone"))
    asked = _asked([entry for _, _, entry in useful if entry.kind == Event.APPROVAL_APPROVED])
    changed: dict[UUID, UUID] = {}
    for agent, organization, entry in useful:
        zone = zones.get(organization)
        if zone is None:
            continue
        profile = profiles.setdefault(agent, Profile())
        if entry.kind == Event.AGENT_UPDATED:
            begin_anew(profile)
        elif not _learn(profile, entry, zone, asked.get(entry.id)):
            continue
        changed[agent] = organization
    _save(changed, profiles)


def _known_profiles(agents: Collection[UUID]) -> dict[UUID, Profile]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [uuid_array(agents)])
        return {agent: _decode(text) for agent, text in cursor.fetchall()}


def forget_profiles() -> None:
    BehaviourProfile.objects.all().delete()


def _matters(body: Mapping[str, Any]) -> bool:
    if body["kind"] == Event.AGENT_UPDATED:
        return not _MATTERS.isdisjoint(body["data"]["changes"])
    if body["kind"] == Event.APPROVAL_APPROVED:
        return bool(body["actor"]["kind"] == "person")
    return bool(body["data"]["decision"]["status"] == "approved")


def _agent_of(body: Mapping[str, Any]) -> UUID:
    match body["kind"]:
        case Event.AGENT_UPDATED:
            return uuid_of(body["subject"]["id"])
        case Event.APPROVAL_APPROVED:
            return uuid_of(body["data"]["agent"]["id"])
        case _:
            return uuid_of(body["actor"]["id"])


def _asked(approvals: Sequence[SealedEntry]) -> dict[UUID, Mapping[str, Any]]:
    """By the approval's entry, the record of the request that a person has approved: it has the approval's id."""
    requests = {UUID(entry.body["subject"]["id"]): entry.id for entry in approvals}
    return {requests[row.id]: read_entry(row) for row in Entry.objects.filter(id__in=requests)}


def _learn(profile: Profile, entry: SealedEntry, zone: str, asked: Mapping[str, Any] | None) -> bool:
    """Whether anything was learned: not from what is not in the sample, or is erased."""
    every = _every(profile)
    approved = entry.kind == Event.APPROVAL_APPROVED
    if entry.id.int % every and not approved:
        return False
    body = asked if approved else entry.body
    traits = None if body is None else _traits(body["data"])
    if body is None or traits is None:
        return False
    at = datetime.fromisoformat(body["at"]).timestamp()
    if approved:
        # A person has looked at it: odd or not, it may become usual.
        learn(profile, traits, at=at, hour=hour_of_week(zone, at), weight=1.0)
        return True
    take_in(profile, traits, at=at, hour=hour_of_week(zone, at), times=every)
    return True


def take_in(profile: Profile, traits: Traits, *, at: float, hour: int, times: int = 1) -> None:
    """Learn from an approved action, which stands for so many.

    What looks odd is learned in full once in some hours and little between: what an agent does each day becomes usual,
    what it does forty times within an hour does not.
    """
    found = judge(profile, traits, hour_points=hour_points(profile, hour), in_minute=0, streak=0.0)
    weight = float(times)
    if found.score >= _ODD:
        if at - profile.odd_at < _ODD_SECONDS:
            weight *= _ODD_WEIGHT
        else:
            profile.odd_at = at
    learn(profile, traits, at=at, hour=hour, weight=weight)
    profile.base.add(found.base, profile.unit * weight)


def _every(profile: Profile) -> int:
    """How many actions one sample stands for: 1 for an agent that is not busy."""
    busy = 2**profile.rate.mean / _BUSY
    every = 1
    while every * 2 <= min(busy, _RAREST):
        every *= 2
    return every


def _traits(data: Mapping[str, Any]) -> Traits | None:
    action, claims = data["action"], data["claims"]
    if claims is None or action["resource"] is None:
        return None
    try:
        place = normalize_resource(action["resource"])
    except HostileResourceError:
        return None
    return traits_of(action["action_type"], action["tool"], place, claims["destination"], claims["bytes"])


def _save(changed: Mapping[UUID, UUID], profiles: Mapping[UUID, Profile]) -> None:
    if not changed:
        return
    agents = sorted(changed)
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            [
                uuid_array(agents),
                uuid_array([changed[agent] for agent in agents]),
                text_array([_encode(profiles[agent]).decode() for agent in agents]),
            ],
        )
