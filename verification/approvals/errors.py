"""What may go wrong with approvals."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from aim.errors import ConflictError, ServiceError
from verification.approvals.models import Approval

# What a request may be already, for whoever translates the refusal.
_ENDS = (
    gettext_noop("approved"),
    gettext_noop("denied"),
    gettext_noop("expired"),
    gettext_noop("withdrawn"),
    gettext_noop("revoked"),
)


class NotAnApproverError(ServiceError):
    """The caller may read the request, but is none of those whose word counts for it."""

    status = 403
    code = "not_an_approver"


class AlreadyVotedError(ConflictError):
    code = "already_voted"

    def __init__(self) -> None:
        super().__init__(_("You have agreed to this request already."))


class AlreadySettledError(ConflictError):
    """`by` names who settled it, where it was somebody."""

    code = "already_settled"

    def __init__(self, approval: Approval, by: str) -> None:
        words = {"status": _(approval.status), "by": by}
        if by:
            super().__init__(_("This request is %(status)s already, by %(by)s.") % words)
        else:
            super().__init__(_("This request is %(status)s already.") % words)


class ApprovalRefusedError(ConflictError):
    """The request was settled otherwise than asked for, and that is on record: it had expired, or a check denies it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(_("%(reason)s. The request is denied.") % {"reason": reason})
        self.code = code  # type: ignore[misc]  # the code is that of the decision


class NothingToWithdrawError(ConflictError):
    code = "nothing_to_withdraw"

    def __init__(self) -> None:
        super().__init__(_("There is nothing to withdraw: the request is neither waiting nor approved and unused."))
