"""What may go wrong with agents and their keys."""

from agents.models import AgentStatus
from aim.crypto.problems import InvalidPublicKeyError
from aim.errors import ConflictError, InvalidInputError, Problem, ServiceError

_NAME_EXISTS = "Agent name already exists. Use a different name."
_BAD_KEY = "Invalid public key format. Please upload valid PEM file."


class AgentNameTakenError(ConflictError):
    code = "duplicate"

    def __init__(self) -> None:
        super().__init__(_NAME_EXISTS, problems=(Problem("name", "duplicate", _NAME_EXISTS),))


class IdempotencyKeyReusedError(ServiceError):
    """The key belongs to another request of the same person (draft-ietf-httpapi-idempotency-key-header, 2.6)."""

    status = 422
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another registration. Use a new one.")


class TransitionRefusedError(ConflictError):
    """`verb` is what was asked, such as `suspended`; the agent's status does not allow it."""

    code = "status_conflict"

    def __init__(self, status: str, verb: str) -> None:
        article = "A" if status != AgentStatus.PENDING else "An agent that is"
        noun = " agent" if status != AgentStatus.PENDING else ""
        super().__init__(f"{article} {status}{noun} cannot be {verb}.")


class AgentHasRecordsError(ConflictError):
    code = "has_records"

    def __init__(self, sources: list[str]) -> None:
        super().__init__(f"The agent has records ({', '.join(sources)}) and stays with them. Revoke it instead.")


class TrustNotSetError(ConflictError):
    """Trust begins with the verification and ends with the revocation."""

    code = "trust_not_set"

    def __init__(self, status: str) -> None:
        super().__init__(f"An agent that is {status} has no trust score to set.")


class TrustFrozenError(ConflictError):
    code = "trust_frozen"

    def __init__(self) -> None:
        super().__init__(
            "The trust score was manipulated and is frozen. An admin sets it anew first"
            " (POST /api/v1/agents/{id}/trust/baseline)."
        )


class NoKeyToProveError(ConflictError):
    code = "no_key_to_prove"


class NoVerificationUrlError(ConflictError):
    code = "no_verification_url"

    def __init__(self) -> None:
        super().__init__("The agent has no verification URL. Set one, or answer a challenge with the agent's key.")


class KeyConflictError(ConflictError):
    code = "key_conflict"


class ChallengeGoneError(ConflictError):
    """The challenge was answered, has expired, or is about a key that is no longer proposed."""

    code = "challenge_gone"

    def __init__(self, why: str) -> None:
        super().__init__(f"The challenge {why}. Request a new one.")


class ChallengeFailedError(ServiceError):
    """The wrong answer is on record, and the challenge is used up."""

    code = "signature_invalid"

    def __init__(self, field: str) -> None:
        whose = "the new key" if field == "signature" else "the active key"
        message = f"Invalid signature: it is not that of {whose} over the statement. Request a new challenge."
        super().__init__(message, problems=(Problem(field, "signature_invalid", message),))


def invalid_public_key(error: InvalidPublicKeyError, field: str = "public_key") -> InvalidInputError:
    """The sentence everybody knows first, then each reason."""
    reasons = (Problem(field, error.code, reason) for reason in error.problems if reason != _BAD_KEY)
    return InvalidInputError((Problem(field, "invalid_public_key", _BAD_KEY), *reasons))
