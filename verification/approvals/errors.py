"""What may go wrong with approvals."""

from aim.errors import ConflictError, ServiceError
from verification.approvals.models import Approval


class NotAnApproverError(ServiceError):
    """The caller may read the request, but is none of those whose word counts for it."""

    status = 403
    code = "not_an_approver"


class AlreadyVotedError(ConflictError):
    code = "already_voted"

    def __init__(self) -> None:
        super().__init__("You have agreed to this request already.")


class AlreadySettledError(ConflictError):
    """`by` names who settled it, where it was somebody."""

    code = "already_settled"

    def __init__(self, approval: Approval, by: str) -> None:
        super().__init__(f"This request is {approval.status} already{f', by {by}' if by else ''}.")


class ApprovalRefusedError(ConflictError):
    """The request was settled otherwise than asked for, and that is on record: it had expired, or a check denies it."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{reason}. The request is denied.")
        self.code = code  # type: ignore[misc]  # the code is that of the decision


class NothingToWithdrawError(ConflictError):
    code = "nothing_to_withdraw"

    def __init__(self) -> None:
        super().__init__("There is nothing to withdraw: the request is neither waiting nor approved and unused.")
