"""Replacing the key that signs the ledger, by an admin of the only organization there is."""

from django.db import transaction
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.errors import PermissionDeniedError
from accounts.permissions import Permission
from accounts.services.organizations import lock_organization
from aim.errors import InvalidInputError, Problem
from aim.ledger.models import SealKey
from aim.ledger.sealing import rotate_key
from verification.ledger_settings import runs_alone

_LONGEST_REASON = 2000


@transaction.atomic
def rotate_ledger_key(actor: Actor, *, reason: str) -> SealKey:
    """A new key signs from now on; answers it. Both sign the last checkpoint of the old one, whose private half goes.

    Raises `ProofRequiredError` in a session that was left open, and `PermissionDeniedError` where the key signs the
    entries of other organizations too: that is the operator's to do.
    """
    actor.require(Permission.LEDGER_KEYS)
    actor.require_fresh()
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        message = ngettext(
            "Say why, in at most %(most)s character.", "Say why, in at most %(most)s characters.", _LONGEST_REASON
        ) % {"most": _LONGEST_REASON}
        raise InvalidInputError((Problem("reason", "required", message),))
    lock_organization(actor.scope)
    if not runs_alone(actor):
        raise PermissionDeniedError(Permission.LEDGER_KEYS)
    _old, new = rotate_key(actor.entry(), reason=reason)
    return new
