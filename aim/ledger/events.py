"""Every kind of entry the ledger knows. Kinds are stored for ever: add, never rename, never reuse."""

from enum import StrEnum


class Event(StrEnum):
    ORGANIZATION_CREATED = "accounts.organization.created"
    ORGANIZATION_STATUS_CHANGED = "accounts.organization.status_changed"
    ORGANIZATION_UPDATED = "accounts.organization.updated"
    USER_CREATED = "accounts.user.created"
    USER_PASSWORD_CHANGED = "accounts.user.password_changed"  # noqa: S105 - the name of an event
    USER_SIGNED_IN = "accounts.user.signed_in"
    USER_SIGN_IN_FAILED = "accounts.user.sign_in_failed"
    USER_SIGNED_OUT = "accounts.user.signed_out"
    MEMBERSHIP_CREATED = "accounts.membership.created"
    MEMBERSHIP_ROLE_CHANGED = "accounts.membership.role_changed"
    MEMBERSHIP_REMOVED = "accounts.membership.removed"
    TEAM_CREATED = "accounts.team.created"
    TEAM_CHANGED = "accounts.team.changed"
    TEAM_REMOVED = "accounts.team.removed"
    TOKEN_CREATED = "accounts.token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "accounts.token.revoked"  # noqa: S105 - the name of an event
    AGENT_REGISTERED = "agents.agent.registered"
    AGENT_UPDATED = "agents.agent.updated"
    AGENT_DELETED = "agents.agent.deleted"
    AGENT_VERIFIED = "agents.agent.verified"
    AGENT_ATTESTED = "agents.agent.attested"
    AGENT_SUSPENDED = "agents.agent.suspended"
    AGENT_RESUMED = "agents.agent.resumed"
    AGENT_REVOKED = "agents.agent.revoked"
    API_KEY_CREATED = "agents.api_key.created"
    API_KEY_REVOKED = "agents.api_key.revoked"
    PUBLIC_KEY_PROPOSED = "agents.public_key.proposed"
    PUBLIC_KEY_PROVED = "agents.public_key.proved"
    PUBLIC_KEY_ACTIVATED = "agents.public_key.activated"
    CHALLENGE_ISSUED = "agents.challenge.issued"
    CHALLENGE_FAILED = "agents.challenge.failed"
    VERIFICATION_DECIDED = "verification.decided"
    VERIFICATION_COMPLETED = "verification.completed"
    VERIFICATION_COMPLETION_REFUSED = "verification.completion_refused"
    VERIFICATION_MALFORMED = "verification.malformed"
    CONTAINMENT_PLACED = "verification.containment.placed"
    CONTAINMENT_LIFTED = "verification.containment.lifted"
