"""What a person wants to be told of, in one organization: their own choice, which no admin makes for them."""

from collections.abc import Mapping

from django.db import transaction

from accounts.alerts import Channel, choices_with
from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import Membership
from accounts.permissions import Permission
from aim.errors import NotFoundError
from aim.ledger.events import Event


@transaction.atomic
def choose_alerts(actor: Actor, changes: Mapping[str, Mapping[Channel, bool]]) -> Membership:
    """Change the actor's own choices, by kind and channel; no entry where nothing differs.

    Raises `InvalidInputError` for a kind that does not exist or that the actor may not see.
    """
    actor.require(Permission.ORGANIZATION_READ)
    membership = (
        Membership.objects.select_for_update(no_key=True, of=("self",))
        .select_related("user", "organization")
        .filter(organization_id=actor.scope, user_id=actor.self_id)
        .first()
    )
    if membership is None:
        raise NotFoundError
    before, after = membership.alert_choices, choices_with(membership, changes)
    if before != after:
        membership.alert_choices = after
        membership.save(update_fields=["alert_choices"])
        data = {"changes": {"alert_choices": {"before": before, "after": after}}}
        event = Event.MEMBERSHIP_ALERTS_CHOSEN
        record(actor, event, organization_id=membership.organization_id, subject=membership, data=data)
    return membership
