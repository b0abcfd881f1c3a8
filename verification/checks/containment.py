from urllib.parse import urlsplit

from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check
from verification.snapshot import Containments, address_in

_CLEAR = Passed()


@check(name="containment", title="Blocklist and quarantine", order=40, position=18)
def containment(case: Case) -> Outcome:
    """Nothing that the organization has shut off is involved: address, person, session, destination, resource."""
    shut = case.agent.containments
    request = case.request
    if shut.networks and address_in(case.origin.address, shut.networks):
        return Failed(Code.BLOCKED, "Blocked", f"address {case.origin.address}")
    if request.user_id in shut.users:
        return Failed(Code.BLOCKED, "Blocked", f"user {request.user_id}")
    if request.session_id in shut.sessions:
        return Failed(Code.BLOCKED, "Blocked", f"session {request.session_id}")
    if shut.destinations and (host := _blocked_destination(case, shut)):
        return Failed(Code.BLOCKED, "Blocked", f"destination {host}")
    if shut.resources is not None and (request.place is None or shut.resources.allows(request.place)):
        return Failed(Code.QUARANTINED, "Resource is quarantined", request.resource)
    return _CLEAR


def _blocked_destination(case: Case, shut: Containments) -> str | None:
    """The blocked name among the destinations: a blocked domain blocks every name below it."""
    for text in (case.request.destination, case.request.resource):
        if not text:
            continue
        try:
            host = (urlsplit(text).hostname if "//" in text else text.partition(":")[0]) or ""
        except ValueError:
            # What cannot be read as an address cannot be cleared either.
            return text
        labels = host.lower().rstrip(".").split(".")
        for start in range(len(labels)):
            if (name := ".".join(labels[start:])) in shut.destinations:
                return name
    return None
