"""`address_in: [10.0.0.0/8]`: where the request really came from."""

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from agents.configuration import ip_range_problems
from verification.policies.conditions.registry import Condition, Facts, Predicate, register

if TYPE_CHECKING:
    from verification.contracts import Case


def problems(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        return [_("Must be a list of networks such as 10.0.0.0/8.")]
    return [problem for item in value for problem in ip_range_problems(item)]


def compiled(value: Any, _facts: Facts) -> Predicate:
    networks = tuple(ip_network(text) for text in value)

    def holds(case: "Case") -> bool:
        try:
            address = ip_address(case.origin.address)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in networks)

    return holds


def sentence(value: Any) -> str:
    return _("the request comes from %(networks)s") % {"networks": ", ".join(value)}


register(Condition("address_in", "Known address", "known address", problems, compiled, sentence))
