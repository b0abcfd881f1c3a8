"""What this room does, in the same transaction, when people's rights or an agent's standing change."""

from accounts.dependents import register_dependent as register_dependent_of_accounts
from agents.dependents import register_dependent as register_dependent_of_agents
from verification.services.approval_lapses import end_approvals_of, end_approvals_without_voices

register_dependent_of_accounts(end_approvals_without_voices)
register_dependent_of_agents(end_approvals_of)
