"""The parts of the servers' pages that are replaced by themselves."""

from aim.console.fragments import register_fragment

SERVERS = "servers"
register_fragment(SERVERS, "servers")
SERVER_KEY = "server_key"
register_fragment(SERVER_KEY, "server-key")
SERVER_STATE = "server_state"
register_fragment(SERVER_STATE, "server-state")
RUN = "run"
register_fragment(RUN, "run-steps")
NEW_KEY = "new_key"
register_fragment(NEW_KEY, "new-key")
REACHED = "reached"
register_fragment(REACHED, "reached")
REPORT = "report"
register_fragment(REPORT, "report-progress")
SERVER_WIZARD = "server_wizard"
register_fragment(SERVER_WIZARD, "server-wizard")
