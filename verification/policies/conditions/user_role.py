"""`user_role: [admin]`: the person acted for is a member with one of the roles, by our own table of members."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from verification.policies.conditions.registry import Condition, Facts, Predicate, any_of, register
from verification.policies.terms import role_problems

if TYPE_CHECKING:
    from verification.contracts import Case


def problems(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(role, str) for role in value):
        return [_("Must be a list of roles, such as [admin].")]
    return [problem for role in value for problem in role_problems(role)]


def compiled(value: Any, facts: Facts) -> Predicate:
    users = frozenset(user for user, role in facts.roles.items() if role in value)

    def holds(case: "Case") -> bool:
        return case.request.user_id in users

    return holds


def sentence(value: Any) -> str:
    return _("the user is %(names)s") % {"names": any_of(value)}


register(Condition("user_role", "User has the role", "user role", problems, compiled, sentence))
