"""The compliance tags of a decision: which controls its record is evidence for, each by a fact of that record.

A tag says that the decision can be shown for a control. It never says that the control is met: that takes more than
one decision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.controls import AI_ACT, GDPR, HIPAA, ISO_27001, ISO_42001, PCI_DSS, SOC_2, control
from verification.approvals.models import Approval
from verification.codes import Code
from verification.detail import Detail
from verification.listing import CODE_WORDS
from verification.models import Verification
from verification.tags import Tag, TagGroup, register_tags

Fact = Callable[[Detail], str]
"""Why the tags are given, as a sentence; empty where the record has no such fact."""

ACCESS = frozenset({Code.CAPABILITY_MISSING, Code.OUT_OF_SCOPE, Code.POLICY_DENIED}) | {
    Code.MCP_CAPABILITY_DISABLED,
    Code.MCP_SERVER_NOT_VERIFIED,
}
IDENTITY = frozenset(
    {Code.AGENT_NOT_VERIFIED, Code.SIGNATURE_MISSING, Code.SIGNATURE_INVALID, Code.SIGNATURE_EXPIRED, Code.REPLAYED}
)
CONTAINED = frozenset({Code.AGENT_SUSPENDED, Code.AGENT_REVOKED, Code.BLOCKED, Code.QUARANTINED})
UNUSUAL = frozenset({Code.ANOMALY, Code.TRUST_TOO_LOW})
DELETION = frozenset({"file_delete", "directory_delete", "database_delete", "record_delete", "memory_delete"})
LEAVING = frozenset(
    {"api_call", "network_request", "webhook_send", "web_submit", "email_send", "message_send", "record_export"}
)
PRIVILEGED = frozenset(
    {"root_command", "database_grant", "database_schema_change", "permission_grant", "user_create", "user_change"}
    | {"user_delete", "file_permission_change", "file_owner_change", "secret_access", "secret_write", "secret_rotate"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    fact: Fact
    tags: tuple[Tag, ...]


def _recorded(_detail: Detail) -> str:
    return _("The action was decided before it ran, and the decision was written to the audit log.")


def _sealed(detail: Detail) -> str:
    if detail.proof is None:
        return ""
    return _("The record is sealed in the ledger: a change of it would be found.")


def _granted(detail: Detail) -> str:
    if detail.verification.status != Verification.Status.APPROVED or detail.approval is not None:
        return ""
    return _("The access was granted: the agent has the capability, and the resource is in its scope.")


def _refused(codes: frozenset[Code], text: Callable[[], str]) -> Fact:
    def fact(detail: Detail) -> str:
        verification = detail.verification
        if verification.status != Verification.Status.DENIED or verification.code not in codes:
            return ""
        return text() % {"code": str(CODE_WORDS.get(verification.code, verification.code))}

    return fact


def _signed(detail: Detail) -> str:
    signature = next((check for check in detail.checks if check.name == "signature"), None)
    if not detail.keyid or signature is None or signature.outcome.value != "passed":
        return ""
    return _("The agent proved itself: the request was signed with its key, and the signature holds.")


def _agreed(detail: Detail) -> str:
    if detail.approval is None or detail.approval.status != Approval.Status.APPROVED:
        return ""
    names = ", ".join(vote.voter_label for vote in detail.votes if vote.agrees and vote.voter_label)
    return _("A person approved it: %(who)s.") % {"who": names} if names else ""


def _overruled(detail: Detail) -> str:
    if detail.approval is None or detail.approval.status != Approval.Status.DENIED:
        return ""
    names = ", ".join(vote.voter_label for vote in detail.votes if not vote.agrees and vote.voter_label)
    return _("A person denied it: %(who)s.") % {"who": names} if names else ""


def _asked(detail: Detail) -> str:
    if detail.approval is None or detail.approval.status != Approval.Status.PENDING:
        return ""
    return _("It waits for a person: nothing is done before somebody has agreed.")


def _on_behalf(detail: Detail) -> str:
    user = detail.verification.user_id
    return _("It names whom the agent acted for: %(user)s.") % {"user": user} if user else ""


def _by_server(detail: Detail) -> str:
    server = detail.action.get("mcp_server")
    if not isinstance(server, str) or not server:
        return ""
    return _("It goes through an MCP server, whose verification was checked: %(server)s.") % {"server": server}


def _classified(detail: Detail) -> str:
    names = detail.data_classes
    words = ngettext(
        "The resource is of a class of data: %(names)s.", "The resource is of classes of data: %(names)s.", len(names)
    )
    return words % {"names": ", ".join(names)} if names else ""


def _by_action(actions: frozenset[str], text: Callable[[], str]) -> Fact:
    def fact(detail: Detail) -> str:
        action = detail.verification.action_type
        return text() % {"action": action} if action in actions else ""

    return fact


def _tags(controls: Mapping[str, tuple[str, ...]]) -> tuple[Tag, ...]:
    return tuple(control(framework, number) for framework, numbers in controls.items() for number in numbers)


RULES = (
    Rule(
        "refused",
        _refused(ACCESS, lambda: _("The access was refused: %(code)s.")),
        _tags(
            {
                SOC_2: ("CC6.1", "CC5.2"),
                ISO_27001: ("A.5.15", "A.8.3"),
                HIPAA: ("164.312(a)(1)",),
                GDPR: ("Art. 25(2)", "Art. 32(4)"),
                PCI_DSS: ("7.3.3", "10.2.1.4"),
                ISO_42001: ("A.9.4",),
            }
        ),
    ),
    Rule(
        "unproved",
        _refused(IDENTITY, lambda: _("The agent could not prove itself, and was refused: %(code)s.")),
        _tags(
            {
                SOC_2: ("CC6.1", "CC6.6"),
                ISO_27001: ("A.8.5",),
                HIPAA: ("164.312(d)",),
                PCI_DSS: ("8.3.1", "10.2.1.4"),
                AI_ACT: ("Art. 15(5)",),
            }
        ),
    ),
    Rule(
        "outside",
        _refused(frozenset({Code.IP_NOT_ALLOWED}), lambda: _("It came from outside: %(code)s.")),
        _tags({SOC_2: ("CC6.6",), ISO_27001: ("A.8.3",), PCI_DSS: ("10.2.1.4",)}),
    ),
    Rule(
        "contained",
        _refused(CONTAINED, lambda: _("It was contained: %(code)s.")),
        _tags({SOC_2: ("CC7.4",), ISO_27001: ("A.5.26",), AI_ACT: ("Art. 14(4)(e)",)}),
    ),
    Rule(
        "unusual",
        _refused(UNUSUAL, lambda: _("It was refused by what is watched of the agent's behaviour: %(code)s.")),
        _tags({SOC_2: ("CC7.2",), ISO_27001: ("A.8.16",), AI_ACT: ("Art. 15(5)",)}),
    ),
    Rule(
        "limited",
        _refused(
            frozenset({Code.DATA_LIMIT_EXCEEDED}), lambda: _("More data was asked for than is allowed: %(code)s.")
        ),
        _tags({SOC_2: ("CC6.7",), ISO_27001: ("A.5.14",), GDPR: ("Art. 5(1)(c)",)}),
    ),
    Rule(
        "granted",
        _granted,
        _tags({SOC_2: ("CC6.1", "CC6.3"), ISO_27001: ("A.5.15",), HIPAA: ("164.312(a)(1)",), GDPR: ("Art. 32(4)",)}),
    ),
    Rule(
        "agreed",
        _agreed,
        _tags({SOC_2: ("CC6.3",), ISO_27001: ("A.5.3",), PCI_DSS: ("7.2.3",), AI_ACT: ("Art. 14(1)",)}),
    ),
    Rule(
        "overruled",
        _overruled,
        _tags({SOC_2: ("CC6.3",), ISO_27001: ("A.5.3",), AI_ACT: ("Art. 14(1)", "Art. 14(4)(d)")}),
    ),
    Rule("asked", _asked, _tags({ISO_27001: ("A.5.3",), AI_ACT: ("Art. 14(1)",)})),
    Rule("signed", _signed, _tags({ISO_27001: ("A.8.5",), HIPAA: ("164.312(d)",), PCI_DSS: ("8.3.1",)})),
    Rule("on_behalf", _on_behalf, _tags({HIPAA: ("164.312(a)(2)(i)",), GDPR: ("Art. 32(4)",)})),
    Rule(
        "server",
        _by_server,
        _tags({SOC_2: ("CC6.8", "CC9.2"), ISO_27001: ("A.5.19",), ISO_42001: ("A.10.3",)}),
    ),
    Rule(
        "classified",
        _classified,
        _tags({ISO_27001: ("A.5.12",), GDPR: ("Art. 30(1)",)}),
    ),
    Rule(
        "deletion",
        _by_action(DELETION, lambda: _("It is about deleting: %(action)s.")),
        _tags({SOC_2: ("C1.2",), ISO_27001: ("A.8.10",)}),
    ),
    Rule(
        "leaving",
        _by_action(LEAVING, lambda: _("It moves data out: %(action)s.")),
        _tags({SOC_2: ("CC6.7",), ISO_27001: ("A.5.14",)}),
    ),
    Rule(
        "privileged",
        _by_action(PRIVILEGED, lambda: _("It is about privileged access: %(action)s.")),
        _tags({SOC_2: ("CC6.3",), ISO_27001: ("A.8.2",)}),
    ),
    Rule(
        "recorded",
        _recorded,
        _tags(
            {
                ISO_27001: ("A.8.15",),
                HIPAA: ("164.312(b)",),
                GDPR: ("Art. 5(2)",),
                AI_ACT: ("Art. 12(1)",),
                ISO_42001: ("A.6.2.8",),
            }
        ),
    ),
    Rule("sealed", _sealed, _tags({HIPAA: ("164.312(c)(1)",), GDPR: ("Art. 5(1)(f)",), PCI_DSS: ("10.3.4",)})),
)


@register_tags
def compliance_tags(detail: Detail) -> list[TagGroup]:
    """What is particular to the decision first, what holds of every one last."""
    return [TagGroup(rule.name, because, _titled(rule.tags)) for rule in RULES if (because := rule.fact(detail))]


def _titled(tags: tuple[Tag, ...]) -> list[Tag]:
    """With their titles in the reader's language."""
    return [replace(tag, title=_(tag.title)) for tag in tags]
