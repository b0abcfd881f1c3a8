"""Learning anew what is usual for an agent, after clear values were erased that it had been learned from.

What an erased request has left in a profile cannot be told from what others have. Therefore the profile is made again
from the entries that still say something, which is what a replay of the follower comes to.
"""

from uuid import UUID

from django.db import connection
from django.db.models import F

from aim.ledger.events import Event
from aim.ledger.tail import read_places
from verification.behaviour.learning import learn_from
from verification.models import BehaviourProfile

_STRETCH = 2_000
_PLACES = """
SELECT seq FROM ledger_leaf WHERE seq <= %(upto)s AND entry_id IN (
    SELECT id FROM verification_verification WHERE agent_id = %(agent)s
    UNION ALL SELECT id FROM ledger_entry WHERE subject_id = %(agent)s AND kind = %(updated)s
    UNION ALL SELECT e.id FROM verification_approval a JOIN ledger_entry e ON e.subject_id = a.id
        WHERE a.agent_id = %(agent)s AND e.kind = %(approved)s
) ORDER BY seq
"""


def relearn(agent_id: UUID, *, upto: int) -> bool:
    """Make the agent's profile again from its entries up to this place; answers whether it has one.

    The caller keeps the follower from taking a step. Every process takes the new profile up as it does any other.
    """
    forgotten = BehaviourProfile.objects.filter(agent_id=agent_id).update(profile={}, version=F("version") + 1)
    if not forgotten:
        return False
    with connection.cursor() as cursor:
        kinds = {"updated": Event.AGENT_UPDATED.value, "approved": Event.APPROVAL_APPROVED.value}
        cursor.execute(_PLACES, {"agent": agent_id, "upto": upto, **kinds})
        places = [seq for (seq,) in cursor.fetchall()]
    for start in range(0, len(places), _STRETCH):
        learn_from(read_places(places[start : start + _STRETCH]))
    return True
