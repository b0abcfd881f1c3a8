"""What may go wrong with agents and their keys."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from agents.models import AgentStatus
from aim.crypto.problems import InvalidPublicKeyError
from aim.errors import ConflictError, InvalidInputError, Problem, ServiceError

_NAME_EXISTS = gettext_noop("Agent name already exists. Use a different name.")
_BAD_KEY = gettext_noop("Invalid public key format. Please upload valid PEM file.")
# The statuses and verbs that refusals name, for whoever translates them.
_WORDS = (
    gettext_noop("pending"),
    gettext_noop("verified"),
    gettext_noop("suspended"),
    gettext_noop("resumed"),
    gettext_noop("revoked"),
    gettext_noop("changed"),
    gettext_noop("given a key"),
    gettext_noop("given an API key"),
)


class AgentNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        message = _(_NAME_EXISTS)
        super().__init__(message, problems=(Problem("name", "duplicate", message),))


class IdempotencyKeyReusedError(ServiceError):
    """The key belongs to another request of the same person (draft-ietf-httpapi-idempotency-key-header, 2.6)."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(_("This Idempotency-Key was used for another registration. Use a new one."))


class TransitionRefusedError(ConflictError):
    """`verb` is what was asked, such as `suspended`; the agent's status does not allow it."""

    code = "status_conflict"

    def __init__(self, status: str, verb: str) -> None:
        words = {"status": _(status), "verb": _(verb)}
        if status == AgentStatus.PENDING:
            super().__init__(_("An agent that is %(status)s cannot be %(verb)s.") % words)
        else:
            super().__init__(_("A %(status)s agent cannot be %(verb)s.") % words)


class AgentHasRecordsError(ConflictError):
    code = "has_records"

    def __init__(self, sources: list[str]) -> None:
        super().__init__(
            _("The agent has records (%(sources)s) and stays with them. Revoke it instead.")
            % {"sources": ", ".join(sources)}
        )


class TrustNotSetError(ConflictError):
    """Trust begins with the verification and ends with the revocation."""

    code = "trust_not_set"

    def __init__(self, status: str) -> None:
        super().__init__(_("An agent that is %(status)s has no trust score to set.") % {"status": _(status)})


class TrustFrozenError(ConflictError):
    code = "trust_frozen"

    def __init__(self) -> None:
        super().__init__(
            _(
                "The trust score was manipulated and is frozen. An admin sets it anew first"
                " (POST /api/v1/agents/{id}/trust/baseline)."
            )
        )


class NoKeyToProveError(ConflictError):
    code = "no_key_to_prove"


class NoVerificationUrlError(ConflictError):
    code = "no_verification_url"

    def __init__(self) -> None:
        super().__init__(_("The agent has no verification URL. Set one, or answer a challenge with the agent's key."))


class KeyConflictError(ConflictError):
    code = "key_conflict"


class ChallengeGoneError(ConflictError):
    """The challenge was answered, has expired, or is about a key that is no longer proposed."""

    code = "challenge_gone"


class ChallengeFailedError(ServiceError):
    """The wrong answer is on record, and the challenge is used up."""

    code = "signature_invalid"

    def __init__(self, field: str) -> None:
        if field == "signature":
            message = _("Invalid signature: it is not that of the new key over the statement. Request a new challenge.")
        else:
            message = _(
                "Invalid signature: it is not that of the active key over the statement. Request a new challenge."
            )
        super().__init__(message, problems=(Problem(field, "signature_invalid", message),))


def invalid_public_key(error: InvalidPublicKeyError, field: str = "public_key") -> InvalidInputError:
    """The sentence everybody knows first, then each reason."""
    reasons = (Problem(field, error.code, reason) for reason in error.problems if reason != _(_BAD_KEY))
    return InvalidInputError((Problem(field, "invalid_public_key", _(_BAD_KEY)), *reasons))
