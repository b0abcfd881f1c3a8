"""What waits for somebody: lists, badges and the page of a request go by the same rules, in SQL and in Python."""

import random
import sys
from itertools import product

import pytest
from django.db import connection

from accounts.models import Role
from accounts.services.teams import add_team_member, create_team
from aim.ids import IdKind, parse_id, uuid7
from tests.factories.accounts import make_person
from tests.factories.browser import signed_in_browser
from tests.verification.approvals.inbox import agent_actor, make_inbox, verification
from verification.approvals import claims
from verification.approvals.eligibility import Asker, Voter, bar, claims_of
from verification.approvals.inbox import inbox_for, requested, waiting_for
from verification.approvals.models import Approval
from verification.approvals.selectors import approvals_visible_to, decidable_by, refusal_for
from verification.models import PolicyVersion, Verification
from verification.policies.results import ApprovalRequirement

pytestmark = pytest.mark.requirement("W4.6")


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


def copy_of(approval, **changes):
    """Another request like this one, with a decision of its own."""
    asked, of = verification(approval), uuid7()
    asked.id, asked.user_id = of, changes.pop("user_id", "")
    asked.save(force_insert=True)
    values = {field.attname: getattr(approval, field.attname) for field in Approval._meta.concrete_fields}
    return Approval.objects.create(**values | {"id": of} | changes)


def test_list_badge_and_page_tell_the_author_of_the_policy_the_same():
    inbox = make_inbox()
    author = make_person(inbox.asker.agent.organization, Role.ADMIN)
    inbox.admin = author.actor
    approval = inbox.ask_by_rule(roles=["manager"])
    for person, waits in ((author, False), (inbox.manager, True)):
        assert (requested(person.actor, approval.id).refusal is None) is waits
        assert [line.approval for line in inbox_for(person.actor, "mine").lines] == [approval] * waits
        assert waiting_for(person.actor) == waits
        page = signed_in_browser(person).get("/dashboard").content.decode()
        assert ("1 action waits for you" in page) is waits
        assert ("1 waiting" in page) is waits


def test_who_may_not_decide_has_nothing_waiting(inbox):
    viewer = inbox.person(Role.VIEWER)
    approval = copy_of(inbox.ask(), requirements=[{"roles": ["viewer"], "users": [viewer.user.public_id]}])
    assert refusal_for(viewer.actor, approval, verification(approval))
    assert waiting_for(viewer.actor) == 0


def test_what_is_late_waits_for_nobody(inbox):
    approval = inbox.ask()
    late = copy_of(approval, expires_at=approval.created_at)
    assert refusal_for(inbox.manager.actor, late, verification(late)) == "This request is expired already."
    assert late not in decidable_by(inbox.manager.actor, Approval.objects.all())


def test_sql_and_rules_agree_on_everybody_and_every_request(inbox):
    chance = random.Random(7)
    people = [inbox.person(role) for role in Role for _ in range(2)] + [inbox.manager]
    judges = [inbox.add_agent() for _ in range(2)]
    team = create_team(inbox.admin, "Keepers of the count")
    add_team_member(inbox.admin, team.id, user_id=people[2].user.id)
    written = inbox.ask_by_rule(roles=["manager"])
    policy = written.requirements[0]
    version = PolicyVersion.objects.get(
        number=policy["policy_version"], policy_id=parse_id(IdKind.POLICY, policy["policy_id"])
    )
    first = inbox.ask()
    names = [person.user.public_id for person in people]
    spellings = ["", "  ", "nobody", *spellings_of(people)]

    def requirement():
        found = {
            "roles": chance.sample(["viewer", "member", "manager", "admin"], chance.randrange(3)),
            "users": chance.sample(names, chance.randrange(2)),
            "teams": [team.public_id] * chance.randrange(2),
            "agents": [judge.agent.public_id for judge in judges if chance.random() < 0.4],
            "exclude_owner": chance.random() < 0.5,
            "policy_id": chance.choice(["", policy["policy_id"], f"pol_{uuid7().hex}"]),
            "policy_version": chance.choice([policy["policy_version"], 99]),
        }
        return {name: value for name, value in found.items() if value or chance.random() < 0.5}

    agent, seen = inbox.asker.agent, set()
    owners = [None, people[4].user.id, people[6].user.id, inbox.admin.id]
    for owner, author in product(owners, [people[5].user, people[6].user]):
        type(agent).objects.filter(id=agent.id).update(owner_id=owner)
        PolicyVersion.objects.filter(id=version.id).update(author=author)
        requests = [
            copy_of(
                first,
                requirements=[requirement() for _ in range(chance.randrange(1, 3))],
                user_id=chance.choice(spellings),
            )
            for _ in range(25)
        ]
        for actor in [*(person.actor for person in people), *map(agent_actor, judges)]:
            visible = approvals_visible_to(actor).filter(id__in=[one.id for one in requests])
            waiting = set(decidable_by(actor, visible).values_list("id", flat=True))
            asked = Verification.objects.in_bulk([one.id for one in requests])
            open_ = {one.id for one in visible if refusal_for(actor, one, asked[one.id]) is None}
            assert waiting == open_
            seen.update((actor.kind, one.id in waiting) for one in visible)
    assert len(seen) == 4


def spellings_of(people):
    for person in people:
        user = person.user
        yield from (user.public_id, user.email.upper(), f"\u2003{user.email}\n", user.id.hex, str(user.id))
        yield from (user.email.replace("s", "ſ"), user.email.replace("st", "ﬆ"), f"x{user.email}")


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(
    "label", ["jo.smith@strasse.example", "jürgen@straße.example", "ΑΣ@όσος.example", "İ@i.example"]
)
def test_a_claim_is_told_in_sql_as_in_python(label):
    voter = Voter("person", uuid7(), "usr_0", label, role="admin")
    folded = label.casefold()
    texts = [label, label.upper(), folded.replace("ss", "ß"), folded.replace("ss", "ẞ"), folded.replace("s", "ſ")]
    texts += [label.lower(), folded.replace("k", "K"), folded.replace("σ", "ς"), folded[:-1], f"{folded}x", ""]
    texts += [f"{space}{label}{space}" for space in "\t \u00a0\u2003\u3000\x1c"]
    told = [bar(ApprovalRequirement(), voter, Asker(uuid7(), None, text, {})) is not None for text in texts]
    assert True in told
    assert False in told
    statement, parameters = claims.claimed_sql("given.text", claims_of(voter))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {statement} FROM unnest(%s::text[]) WITH ORDINALITY AS given (text, place) ORDER BY place",
            [*parameters, texts],
        )
        assert [row[0] for row in cursor.fetchall()] == told


def test_no_character_beyond_has_a_case_or_is_a_space():
    beyond = [chr(code) for code in range(claims._CASED, sys.maxunicode + 1)]
    assert not [one for one in beyond if one.casefold() != one or one.isspace()]
