"""What a person asks for who rotates a key, and everything that may be wrong with it."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from aim.errors import Problem
from mcp.configuration import url_problems
from mcp.keys import BAD_FORMAT, DEFAULT_DAYS, MAX_DAYS, MIN_DAYS, TOO_LONG, TOO_SHORT, Examination, examine_key
from mcp.models import KeyRotation, McpServer, ServerKey

Method = KeyRotation.Method


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What a person asks for. `days` counts for a gradual rollover alone; `verification_url` where it changes."""

    public_key: str
    key_type: str | None = None
    method: str = Method.GRADUAL.value
    days: int = DEFAULT_DAYS
    verification_url: str = ""
    server_updated: bool = False
    """The person's word that the server has the new private key."""


def examine_for(server: McpServer, public_key: str, key_type: str | None) -> Examination:
    """The checks of a new key for this server, whose keys are read already."""
    current: Collection[str] = {key.thumbprint for key in server.keys.all() if key.status != ServerKey.Status.RETIRED}
    former = {key.thumbprint for key in server.keys.all() if key.status == "retired" and key.proved_at is not None}
    return examine_key(public_key, declared_type=key_type, current=current, former=former)


def key_problems(examination: Examination) -> list[Problem]:
    """The first check that fails, in the words of the API."""
    failed = next((check for check in examination.checks if check.result == "failed"), None)
    if failed is None:
        return []
    code = {"pem": "invalid_public_key", "different": "same_key"}.get(failed.name, failed.name)
    texts = [failed.detail]
    if failed.name == "pem":
        texts = [_(BAD_FORMAT), failed.detail.removeprefix(_(BAD_FORMAT)).strip()]
    return [Problem("public_key", code, text) for text in texts if text]


def plan_problems(server: McpServer, plan: RotationPlan) -> list[Problem]:
    """Everything wrong with the plan apart from its key."""
    problems = []
    if plan.method not in Method.values:
        problems.append(
            Problem("method", "invalid", _("Choose one of %(choices)s.") % {"choices": ", ".join(Method.values)})
        )
    if plan.method == Method.GRADUAL and plan.days < MIN_DAYS:
        problems.append(Problem("days", "too_short", _(TOO_SHORT)))
    if plan.method == Method.GRADUAL and plan.days > MAX_DAYS:
        problems.append(Problem("days", "too_long", _(TOO_LONG)))
    if not plan.server_updated:
        text = _("Confirm that the server has the new private key.")
        problems.append(Problem("server_updated", "required", text))
    if plan.verification_url:
        problems += [Problem("verification_url", "invalid", text) for text in url_problems(plan.verification_url)]
    elif not server.verification_url:
        problems.append(Problem("verification_url", "required", _("A new key is proved at a verification URL.")))
    return problems
