"""The parts of the pages of decisions that are replaced by themselves."""

from aim.console.fragments import register_fragment

VERIFICATIONS = "verifications"
register_fragment(VERIFICATIONS, "verifications")
APPROVALS = "approvals"
register_fragment(APPROVALS, "approvals")
