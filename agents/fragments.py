"""The parts of the registry's pages that are replaced by themselves."""

from aim.console.fragments import register_fragment

AGENTS = "agents"
register_fragment(AGENTS, "agents")
