"""The parts of the registry's pages that are replaced by themselves."""

from aim.console.fragments import register_fragment

AGENTS = "agents"
register_fragment(AGENTS, "agents")
KEY_RESULT = "key_result"
register_fragment(KEY_RESULT, "key-result")
AGENT_STATE = "agent_state"
register_fragment(AGENT_STATE, "agent-state")
AGENT_TAB = "agent_tab"
register_fragment(AGENT_TAB, "agent-tab")
PROOF = "proof"
register_fragment(PROOF, "proof")
WIZARD = "wizard"
register_fragment(WIZARD, "registration-wizard")
