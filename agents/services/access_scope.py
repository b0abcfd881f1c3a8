"""Whom an agent may act for: teams of the organization, or users by the ids that requests name."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.selectors import memberships_visible_to, teams_visible_to, unknown_people_and_teams
from agents.models import Agent
from aim.errors import Problem
from aim.ids import IdKind, InvalidIdError, parse_id


def access_scope_problems(actor: Actor, configuration: Mapping[str, Any]) -> list[Problem]:
    """Teams must be the organization's own; so must users that are written as ids of ours.

    Other user ids are those of the customer's own systems, as `context.user_id` of a request carries them.
    """
    kind, ids = configuration["access_scope_kind"], configuration["access_scope_ids"]
    parsed = {index: _parsed(kind, text) for index, text in enumerate(ids)}
    known = {value for value in parsed.values() if value}
    missing_users, missing_teams = unknown_people_and_teams(
        actor, users=known if kind == "users" else set(), teams=known if kind == "teams" else set()
    )
    sentence = _("Unknown team: %(id)s") if kind == "teams" else _("Unknown user: %(id)s")
    return [
        Problem(f"access_scope.ids[{index}]", "unknown", sentence % {"id": ids[index][:80]})
        for index, value in parsed.items()
        if value in missing_users | missing_teams or (kind == "teams" and value is None)
    ]


def access_scope_names(actor: Actor, agent: Agent) -> list[str]:
    """Whom the agent may act for, by name where the actor's organization knows them; a team that is gone as its id."""
    kind, names = agent.access_scope_kind, {}
    if kind == "teams":
        names = {team.public_id: team.name for team in teams_visible_to(actor)}
    elif kind == "users":
        names = {row.user.public_id: row.user.name or row.user.email for row in memberships_visible_to(actor)}
    return [names.get(text, text) for text in agent.access_scope_ids]


def _parsed(kind: str, text: Any) -> UUID | None:
    try:
        return parse_id(IdKind.TEAM if kind == "teams" else IdKind.USER, str(text))
    except InvalidIdError:
        return None
