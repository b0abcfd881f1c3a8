"""R7: the clock of the machine that serves jumps, while that of the database goes on. libfaketime shifts it."""

import http.client
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from tests.chaos.agents import VERIFY, Agent, Organization, verify_call
from tests.chaos.client import Client
from tests.chaos.installation import Installation, wait_until
from tests.chaos.outcome import Outcome, judged

HOUR, DAY = 3600, 86_400
JUMPS = (HOUR, -HOUR, DAY, -DAY)
FAR = 600
"""How far, in seconds, from the true time a signature is made that must be refused whatever the clock says."""


def library() -> str | None:
    """The preloaded library, where Debian and others put it; None where it is not installed."""
    found = sorted(str(path) for path in Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))
    return found[0] if found else None


def no_library() -> str | None:
    """Why no clock can be shifted here; None if one can."""
    return None if library() else "libfaketime is not installed: on Debian and Ubuntu, apt install libfaketime"


def jump(site: Installation, *, tries: int) -> Outcome:
    """An hour and a day, forwards and back, on every web process; also of processes that start in the wrong time."""
    outcome = Outcome("R7", "the web processes' clock an hour or a day wrong, either way")
    shift = site.folder / "faketime"
    shift.write_text("+0")
    preload = library()
    assert preload is not None, "libfaketime is not installed"
    processes = site.processes
    site.serve(
        processes=processes,
        environment={
            "LD_PRELOAD": preload,
            "FAKETIME_TIMESTAMP_FILE": str(shift),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
    )
    organization = Organization(site)
    dead = _expired_key(organization)
    try:
        for turn in range(tries):
            for seconds in JUMPS:
                agent = organization.agent()
                with judged(site, outcome) as client:
                    before = [verify_call(agent) for _ in range(4)]
                    first = client.send(before)
                    shift.write_text(f"{seconds:+d}")
                    if turn % 2:
                        site.renew_web()
                    _await_shift(site, seconds)
                    _signatures(client, agent, outcome)
                    status = organization.call("POST", VERIFY, _question(dead[0]), token=dead[1])[0]
                    outcome.expect(status == 401, f"R7: {seconds:+d} s wrong, an expired API key was answered {status}")
                    again = client.send(before)
                    same = [answer.id for answer in first] == [answer.id for answer in again]
                    outcome.expect(same, f"I3: with the clock {seconds:+d} s wrong a replay was decided anew")
                    shift.write_text("+0")
                    outcome.expect(client.ask(agent).status == 200, "I8: refused once the clock was right again")
                outcome.tries += 1
    finally:
        site.serve(processes=processes)
    return outcome


def _await_shift(site: Installation, seconds: int) -> None:
    """Until the answers are dated in the wrong time: a jump that nobody feels would prove nothing."""

    def felt() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            shown = parsedate_to_datetime(connection.getresponse().headers["Date"])
            return abs(shown.timestamp() - time.time() - seconds) < FAR
        finally:
            connection.close()

    wait_until(felt, what="the jump of the clock", seconds=10)


def _signatures(client: Client, agent: Agent, outcome: Outcome) -> None:
    """Good by the true time are good, far from it are not, whatever the process takes for the time."""
    now = int(time.time())
    good = client.send([verify_call(agent) for _ in range(4)])
    outcome.expect({answer.status for answer in good} == {200}, f"R7: good signatures were answered {good}")
    for shift in (-FAR, FAR, -HOUR, HOUR, -DAY, DAY):
        answer = client.send([verify_call(agent, created=now + shift)])[0]
        outcome.expect(answer.code == "signature_expired", f"R7: a signature {shift:+d} s from now was {answer}")


def _expired_key(organization: Organization) -> tuple[Agent, str]:
    """An agent, and an API key of it that was good for a second."""
    agent = organization.agent()
    expires = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    made = organization.expect(201, "POST", f"/api/v1/agents/{agent.id}/api-keys", {"expires_at": expires})
    time.sleep(1.2)
    return agent, made["api_key"]


def _question(agent: Agent) -> dict[str, str]:
    return {"agent_id": agent.id, "action_type": "file_read", "resource": "/app/config.json"}
