from aim.resources.resource import normalize_resource
from aim.resources.text import HostileResourceError
from verification.codes import Code
from verification.contracts import Case, Failed, Outcome, Passed
from verification.registry import check
from verification.snapshot import Containments, address_in

_CLEAR = Passed()


@check(name="containment", title="Blocklist and quarantine", order=40, position=18)
def containment(case: Case) -> Outcome:
    """Nothing that the organization has shut off is involved: address, person, session, destination, resource."""
    shut, request = case.agent.containments, case.request
    if shut.networks and address_in(case.origin.address, shut.networks):
        return _blocked(f"address {case.origin.address}")
    if request.user_id in shut.users:
        return _blocked(f"user {request.user_id}")
    if request.session_id in shut.sessions:
        return _blocked(f"session {request.session_id}")
    if shut.destinations and (name := _blocked_destination(case, shut)) is not None:
        return _blocked(f"destination {name}")
    # A resource that nobody could normalise might be a quarantined one.
    if shut.resources is not None and (request.place is None or shut.resources.allows(request.place)):
        return Failed(Code.QUARANTINED, "Resource is quarantined", request.resource)
    return _CLEAR


def _blocked(detail: str) -> Failed:
    return Failed(Code.BLOCKED, "Blocked", detail)


def _blocked_destination(case: Case, shut: Containments) -> str | None:
    """The blocked name among the destinations: a blocked domain blocks every name below it.

    A destination that cannot be read cannot be cleared, and counts as blocked.
    """
    place, destination = case.request.place, case.request.destination
    hosts = [place.host] if place is not None and place.host else []
    if destination is not None:
        try:
            hosts.append(_host(destination))
        except HostileResourceError:
            return destination
    for host in hosts:
        labels = host.rstrip(".").split(".")
        for start in range(len(labels)):
            if (name := ".".join(labels[start:])) in shut.destinations:
                return name
    return None


def _host(destination: str) -> str:
    """The host of a URL, or of a bare `host` or `host:port`."""
    text = destination if "://" in destination else f"https://{destination}"
    return normalize_resource(text).host
