"""Whom to tell of many entries of the ledger: what is the same for all of them is read once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from accounts.alerts import AlertKind, Channel, members_of, wants
from accounts.models import Membership


class Audience:
    """Of the bodies of entries, one follower's step or one of its own. Who people are is that of the first question."""

    def __init__(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        self._bodies = bodies
        self._people: dict[str, dict[int, Collection[UUID]]] = {}
        self._wanting: dict[tuple[UUID, str, Channel], list[Membership]] = {}

    def of(
        self, body: Mapping[str, Any], kind: AlertKind, organization_id: UUID, channel: Channel = Channel.MAIL
    ) -> list[Membership]:
        """Everybody in an active organization who wants to be told of the entry, with their user and organization.

        `body` is one of those that were given, the very object.
        """
        wanting = self._wanting_of(kind, organization_id, channel)
        if kind.people is None or not wanting:
            return wanting
        people = self._people_of(kind)[id(body)]
        return [membership for membership in wanting if membership.user_id in people]

    def _wanting_of(self, kind: AlertKind, organization_id: UUID, channel: Channel) -> list[Membership]:
        key = organization_id, kind.code, channel
        if key not in self._wanting:
            rows = members_of(organization_id)
            if kind.people is not None and channel is Channel.MAIL:
                # By a person's own choice alone: mostly nobody, and then nothing more is asked.
                rows = rows.filter(alert_choices__has_key=kind.code)
            elif kind.people is not None:
                rows = rows.filter(user_id__in=frozenset().union(*self._people_of(kind).values()))
            self._wanting[key] = [row for row in rows if wants(row, kind.code, channel)]
        return self._wanting[key]

    def _people_of(self, kind: AlertKind) -> dict[int, Collection[UUID]]:
        if kind.code not in self._people:
            assert kind.people is not None
            bodies = [body for body in self._bodies if body["kind"] in kind.events and kind.matches(body)]
            found = zip(bodies, kind.people(bodies), strict=True)
            self._people[kind.code] = {id(body): people for body, people in found}
        return self._people[kind.code]
