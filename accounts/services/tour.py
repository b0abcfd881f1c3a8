"""The welcome tour: shown once by itself, and taken up again where it was left.

How far somebody came is on no record: it concerns nobody else, and changes nothing.
"""

from django.db import transaction

from accounts.contracts import Actor
from accounts.models import User
from aim import clock
from aim.errors import NotFoundError

STEPS = 3


@transaction.atomic
def show_tour(actor: Actor) -> int:
    """Remember that the tour was shown, so that it never comes by itself again; answers the step to go on with."""
    user = _locked(actor)
    if user.tour_shown_at is None:
        user.tour_shown_at = clock.now()
        user.save(update_fields=["tour_shown_at"])
    return user.tour_step


@transaction.atomic
def reach_step(actor: Actor, step: int) -> int:
    """Go on with this step the next time; whatever lies outside the tour is its nearest step."""
    user = _locked(actor)
    user.tour_step = min(max(step, 1), STEPS)
    user.save(update_fields=["tour_step"])
    return user.tour_step


def _locked(actor: Actor) -> User:
    user = User.objects.select_for_update(no_key=True).filter(id=actor.self_id).first()
    if user is None:
        raise NotFoundError
    return user
