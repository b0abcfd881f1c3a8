"""The parts of the pages of decisions that are replaced by themselves."""

from aim.console.fragments import register_fragment

OVERVIEW = "overview"
register_fragment(OVERVIEW, "overview")
VERIFICATIONS = "verifications"
register_fragment(VERIFICATIONS, "verifications")
APPROVALS = "approvals"
register_fragment(APPROVALS, "approvals")
POLICIES = "policies"
register_fragment(POLICIES, "policies")
POLICY_EDITOR = "policy_editor"
register_fragment(POLICY_EDITOR, "policy-editor")
