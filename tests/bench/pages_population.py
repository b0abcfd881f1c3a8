"""`python -m tests.bench.pages_population`: a large organization for the bench of the pages, and a session in it."""

import argparse
import os
from copy import copy as replicate
from datetime import timedelta
from itertools import cycle, product
from pathlib import Path
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")
django.setup()

from django.conf import settings  # noqa: E402 - models exist only once Django is set up
from django.db.models import Sum  # noqa: E402
from django.db.models.base import ModelState  # noqa: E402

from accounts.contracts import OPERATOR  # noqa: E402
from accounts.models import Membership, Organization, Role, User  # noqa: E402
from accounts.services.members import add_member  # noqa: E402
from accounts.services.users import create_user, one_time_password  # noqa: E402
from agents.models import Agent  # noqa: E402
from agents.services.tallies import fold_tallies  # noqa: E402
from aim import clock  # noqa: E402
from aim.ids import uuid7  # noqa: E402
from mcp.models import Health, McpServer, ServerKey, ServerStatus, VerificationStatus  # noqa: E402
from tests.bench.pages import COMMON_CLASS, EMPTY_CLASS, RARE_CLASS  # noqa: E402
from tests.bench.pages_history import load_classified, load_history, load_totals  # noqa: E402
from tests.factories.accounts import Person  # noqa: E402
from tests.factories.browser import session_cookie  # noqa: E402
from tests.factories.mcp import make_proved_server  # noqa: E402
from verification.approvals.models import Approval  # noqa: E402
from verification.models import DataClass, Rollup, TotalRollup, Verification  # noqa: E402
from verification.services.data_classes import create_data_class  # noqa: E402

_OWNERS = 40
_WAITING, _DECIDED = 60, 3000
_SERVERS = 5000


class Population(msgspec.Struct, frozen=True):
    """What the bench asks for: a session's cookie, and ids as they are shown."""

    cookie: str
    value: str
    agent: str
    busy_agent: str
    verification: str
    approval: str
    owner: str


def fill(total: int) -> None:
    """Give the one organization there is owners, and `total` decisions with what is derived from them."""
    organization = Organization.objects.get()
    owners = []
    for number in range(_OWNERS):
        user = create_user(
            OPERATOR, f"owner-{number}@bench.example", password=one_time_password(), organization_id=organization.id
        )
        add_member(OPERATOR, user, organization=organization, role=Role.MEMBER)
        owners.append(user.id)
    agents = list(Agent.objects.order_by("id").values_list("id", flat=True))
    load_history(os.environ["DATABASE_URL"], organization=organization.id, owners=owners, agents=agents, total=total)
    # No beat runs beside the pages, which would have done it within half a minute.
    fold_tallies()


def approvals() -> None:
    """Some that wait, and many that are decided."""
    now = clock.now()
    newest = Verification.objects.order_by("-id")[: _WAITING + _DECIDED]
    Approval.objects.bulk_create(
        (
            Approval(
                id=row.id,
                organization_id=row.organization_id,
                agent_id=row.agent_id,
                action_type=row.action_type,
                request_digest=bytes(row.request_digest),
                requirements=[{"roles": ["admin", "manager"]}],
                checks=["policy"],
                agents_only=False,
                status="pending" if number < _WAITING else "approved",
                created_at=row.created_at,
                expires_at=now + timedelta(hours=20),
                settled_at=None if number < _WAITING else now,
            )
            for number, row in enumerate(newest)
        ),
        ignore_conflicts=True,
    )


def data_classes() -> None:
    """One that a fifth of the decisions are of, one of one in 5,000, and one of none."""
    admin = Person(membership=_administrator(), token="").actor
    patterns = {COMMON_CLASS: "/app/config/**", RARE_CLASS: "/app/ledger/**", EMPTY_CLASS: "/app/nothing/**"}
    for name, pattern in patterns.items():
        create_data_class(admin, name=name, patterns=[pattern])
    load_classified(os.environ["DATABASE_URL"])


def servers(total: int) -> None:
    """MCP servers with a key each: one registered as people do it, and copies of it in every state."""
    admin = Person(membership=_administrator(), token="")
    first = make_proved_server(admin.actor)
    key = first.keys.get()
    states = product(Health.values, VerificationStatus.values, ServerStatus.values)
    copies = []
    for number, (health, verification, status) in zip(range(total - 1), cycle(list(states)), strict=False):
        copy = replicate(first)
        copy.id, copy._state = uuid7(), ModelState()
        copy.name, copy.display_name = f"server-{number}", f"Server {number} of the bench"
        copy.url = f"https://mcp-{number % 97}.company.example/tools/{number}"
        copy.health, copy.verification, copy.status = health, verification, status
        copies.append(copy)
    McpServer.objects.bulk_create(copies, batch_size=1000)
    keys = []
    for server in copies:
        own = replicate(key)
        own.id, own._state, own.server = uuid7(), ModelState(), server
        keys.append(own)
    ServerKey.objects.bulk_create(keys, batch_size=1000)


def _administrator() -> Membership:
    return Membership.objects.select_related("user", "organization").get(role=Role.ADMIN)


def described() -> Population:
    """A session of the administrator, and examples of everything."""
    membership = _administrator()
    # The one-time password would be asked to be changed first.
    User.objects.filter(id=membership.user_id).update(must_change_password=False)
    busiest: Any = (
        Rollup.objects.filter(granularity="day").values("agent_id").annotate(n=Sum("count")).order_by("-n").first()
    )
    busy = Agent.objects.get(id=busiest["agent_id"])
    return Population(
        cookie=settings.SESSION_COOKIE_NAME,
        value=session_cookie(Person(membership=membership, token="")),
        agent=Agent.objects.order_by("id")[1000 if Agent.objects.count() > 1000 else 0].public_id,
        busy_agent=busy.public_id,
        verification=Verification.objects.order_by("-id")[20].public_id,
        approval=Approval.objects.filter(status="pending").order_by("id")[0].public_id,
        owner=Membership.objects.filter(role=Role.MEMBER).order_by("id")[0].user.public_id,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages_population", description=__doc__)
    parser.add_argument("--decisions", type=int, help="how many to add; without it, what is there is described")
    parser.add_argument("--file", type=Path, required=True, help="where the session and the ids go")
    options = parser.parse_args()
    if options.decisions:
        fill(options.decisions)
        approvals()
    if not TotalRollup.objects.exists():
        load_totals(os.environ["DATABASE_URL"])
    if not DataClass.objects.exists():
        data_classes()
    if not McpServer.objects.exists():
        servers(_SERVERS)
    options.file.write_bytes(msgspec.json.encode(described()))


if __name__ == "__main__":
    main()
