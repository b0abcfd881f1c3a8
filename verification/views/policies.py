"""The pages of the organization's policies: list, one policy with its versions, and what is put in force."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim import clock
from aim.api.path_ids import path_id
from aim.console.lists import chips_of
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from verification.fragments import POLICIES
from verification.models import Policy, PolicyVersion
from verification.policies.yaml_files import LONGEST_FILE
from verification.policy_pages import (
    agent_names,
    allowed,
    history_in_words,
    line_diff,
    listing_for,
    row_of,
    shown_version,
    with_authors,
)
from verification.policy_selectors import (
    describe_version,
    dry_run_of,
    export_policies,
    lint_all,
    policies_visible_to,
    policy_by_id,
    version_in_state,
    version_of,
)
from verification.services.policies import (
    activate_version,
    confirm_change,
    delete_policy,
    retire_policy,
    shadow_version,
)
from verification.services.policy_import import import_policies
from verification.statistics.policy_matches import count_matches

TABS: Mapping[str, Any] = {
    "policy": gettext_lazy("Policy"),
    "applied": gettext_lazy("Applied"),
    "versions": gettext_lazy("Versions"),
    "dry-run": gettext_lazy("Dry run"),
    "history": gettext_lazy("History"),
}
DAYS: Mapping[str, Any] = {
    "1": gettext_lazy("Last 24 hours"),
    "7": gettext_lazy("Last 7 days"),
    "30": gettext_lazy("Last 30 days"),
}
MOST_AGENTS = 20


@require_safe
@console_page(Permission.POLICIES_READ)
def policy_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    listing = listing_for(actor, request.GET)
    context = {
        "listing": listing,
        "chips": chips_of(listing.facets, request.path, request.GET),
        "may_write": actor.may(Permission.POLICIES_WRITE),
    }
    return render_page(request, "verification/policy_list.html", context, fragments={POLICIES: "list"})


@require_safe
@console_page(Permission.POLICIES_READ)
def policy_check(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What the linter finds in all policies, looked for when it is asked for."""
    findings: dict[str, dict[str, Any]] = {}
    for finding in lint_all(actor):
        group = findings.setdefault(finding["policy_id"], {"name": finding["policy"], "findings": []})
        group["findings"].append(finding)
    looked_at = policies_visible_to(actor).count()
    context = {"findings": findings, "looked_at": looked_at}
    return render_page(request, "verification/policy_check.html", context)


@require_safe
@console_page(Permission.POLICIES_READ)
def policy_export(_request: HttpRequest, actor: Actor) -> HttpResponse:
    """All policies that are not retired, with the data classes, as a file."""
    name = f"policies-{clock.now():%Y-%m-%d}.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(export_policies(actor), content_type="application/yaml; charset=utf-8", headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_WRITE)
def policy_import(request: HttpRequest, actor: Actor) -> HttpResponse:
    """First shows what a file would change, then makes the drafts."""
    text, problems, results = request.POST.get("yaml", ""), [], None
    dry_run = "confirmed" not in request.POST
    if request.method == "POST":
        try:
            upload = request.FILES.get("file")
            text = upload.read(LONGEST_FILE + 1).decode() if upload else text
            results = import_policies(actor, text, note=request.POST.get("note", ""), dry_run=dry_run)
        except UnicodeDecodeError:
            problems = [_("This is no text.")]
        except (InvalidInputError, ConflictError) as error:
            problems = _problems_of(error)
        else:
            if not dry_run:
                changed = sum(one.result != "unchanged" for one in results)
                say(
                    request, _("%(n)d imported as drafts. Nothing is in force before you activate it.") % {"n": changed}
                )
                return redirect_to(request, "verification:policy-list")
    context = {"text": text, "problems": problems, "results": results}
    return render_page(request, "verification/policy_import.html", context, status=422 if problems else 200)


@require_safe
@console_page(Permission.POLICIES_READ)
def policy_detail(request: HttpRequest, actor: Actor, policy_id: str) -> HttpResponse:
    policy = policy_by_id(actor, path_id(IdKind.POLICY, policy_id))
    return _detail(request, actor, policy, request.GET.get("tab", "policy"))


@require_POST
@console_page(Permission.POLICIES_WRITE)
def policy_dry_run(request: HttpRequest, actor: Actor, policy_id: str) -> HttpResponse:
    """Judge recorded traffic again as if the version were in force: what would have been decided otherwise."""
    policy = policy_by_id(actor, path_id(IdKind.POLICY, policy_id))
    days = request.POST.get("days", "")
    days = days if days in DAYS else "1"
    retire = request.POST.get("version") == "retire"
    version = None if retire else shown_version(policy, request.POST.get("version", ""))
    until = clock.now()
    result = dry_run_of(policy, version, since=until - timedelta(days=int(days)), until=until)
    outcome = {
        "result": result,
        "version": version,
        "days": DAYS[days],
        "groups": sorted(result.groups.values(), key=lambda group: -group.count),
        "names": agent_names(actor, [group.agent_id for group in result.groups.values()]),
        "not_replayable": sum(result.not_replayable.values()),
    }
    return _detail(request, actor, policy, "dry-run", {"outcome": outcome, "chosen_days": days})


def _detail(
    request: HttpRequest, actor: Actor, policy: Policy, tab: str, more: Mapping[str, Any] | None = None
) -> HttpResponse:
    tab = tab if tab in TABS else "policy"
    version = shown_version(policy, request.POST.get("version") or request.GET.get("version", ""))
    address = reverse("verification:policy-detail", args=[policy.public_id])
    context: dict[str, Any] = {
        "policy": policy,
        "row": row_of(policy),
        "version": version,
        "tab": tab,
        "tabs": [
            {"label": label, "url": f"{address}?tab={name}", "current": name == tab} for name, label in TABS.items()
        ],
        "may": allowed(actor, policy, version),
        "proposed": policy.proposed_by,
        **_tab(request, actor, policy, version, tab),
        **(more or {}),
    }
    return render_page(request, "verification/policy_detail.html", context)


def _tab(request: HttpRequest, actor: Actor, policy: Policy, version: PolicyVersion, tab: str) -> dict[str, Any]:
    match tab:
        case "versions":
            versions = with_authors(policy)
            before = _number(versions, request.GET.get("before"), version.number - 1)
            return {"versions": versions, "before": before, "lines": line_diff(before, version)}
        case "applied":
            return _applied(actor, policy, request.GET.get("days", "7"))
        case "dry-run":
            return {"versions": with_authors(policy), "days": DAYS, "chosen_days": "1"}
        case "history":
            return {"changes": history_in_words(policy)}
        case _:
            return {"described": describe_version(actor, version)}


def _applied(actor: Actor, policy: Policy, days: str) -> dict[str, Any]:
    """How often each version applied, live and as a shadow, and to whom; some seconds behind the decisions."""
    days = days if days in DAYS else "7"
    until = clock.now()
    found = count_matches(policy.organization_id, policy.id, since=until - timedelta(days=int(days)), until=until)
    agents = found.agents.most_common(MOST_AGENTS)
    names = agent_names(actor, [agent for agent, _count in agents])
    return {
        "days": DAYS,
        "chosen_days": days,
        "matches": found,
        "counts": sorted(found.counts.items(), key=lambda item: (-item[0][0], item[0][1], item[0][2])),
        "applied": sum(count for (_version, shadow, _effect), count in found.counts.items() if not shadow),
        "shadowed": sum(count for (_version, shadow, _effect), count in found.counts.items() if shadow),
        "most": max(found.counts.values(), default=0),
        "agents": [(agent, names.get(agent, ""), count) for agent, count in agents],
    }


def _number(versions: list[PolicyVersion], asked: str | None, default: int) -> PolicyVersion | None:
    known = {version.number: version for version in versions}
    return known.get(int(asked) if asked and asked.isdecimal() else default)


# The changes of what is in force, each with its words. The same dialog asks for all of them.
_ACTS: Mapping[str, dict[str, Any]] = {
    "activate": {
        "permission": Permission.POLICIES_ACTIVATE,
        "title": gettext_lazy("Activate version %(n)d"),
        "text": gettext_lazy("It is in force for every decision that is committed from now on."),
        "button": gettext_lazy("Activate"),
        "busy": gettext_lazy("Activating…"),
        "said": gettext_lazy("Version %(n)d is in force."),
        "danger": False,
    },
    "shadow": {
        "permission": Permission.POLICIES_ACTIVATE,
        "title": gettext_lazy("Try version %(n)d as a shadow"),
        "text": gettext_lazy(
            "It decides nothing. What it would have said stands in the record of each decision, beside the verdict."
        ),
        "button": gettext_lazy("Start the shadow"),
        "busy": gettext_lazy("Starting…"),
        "said": gettext_lazy("Version %(n)d runs as a shadow."),
        "danger": False,
    },
    "retire": {
        "permission": Permission.POLICIES_ACTIVATE,
        "title": gettext_lazy("Retire policy"),
        "text": gettext_lazy("What is in force of it ends, its shadow included. Its versions stay on record."),
        "button": gettext_lazy("Retire"),
        "busy": gettext_lazy("Retiring…"),
        "said": gettext_lazy("The policy is retired."),
        "danger": True,
    },
    "delete": {
        "permission": Permission.POLICIES_WRITE,
        "title": gettext_lazy("Delete draft"),
        "text": gettext_lazy("It was never in force, so that no record refers to it."),
        "button": gettext_lazy("Delete"),
        "busy": gettext_lazy("Deleting…"),
        "said": gettext_lazy("The draft is deleted."),
        "danger": True,
    },
    "confirm": {
        "permission": Permission.POLICIES_ACTIVATE,
        "title": gettext_lazy("Confirm the change"),
        "text": gettext_lazy("You are the second person. The change is in force at once."),
        "button": gettext_lazy("Confirm"),
        "busy": gettext_lazy("Confirming…"),
        "said": gettext_lazy("The change is in force."),
        "danger": False,
    },
    "decline": {
        "permission": Permission.POLICIES_ACTIVATE,
        "title": gettext_lazy("Decline the change"),
        "text": gettext_lazy("Nothing changes; the version stays a draft."),
        "button": gettext_lazy("Decline"),
        "busy": gettext_lazy("Declining…"),
        "said": gettext_lazy("The change is declined."),
        "danger": True,
    },
}


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_READ, verbs={verb: act["permission"] for verb, act in _ACTS.items()})
def policy_act(request: HttpRequest, actor: Actor, policy_id: str, verb: str) -> HttpResponse:
    """Activate, shadow, retire, delete, confirm or decline: first says what will be, then does it."""
    act = _ACTS[verb]
    policy = policy_by_id(actor, path_id(IdKind.POLICY, policy_id))
    asked = request.POST.get("version") or request.GET.get("version", "")
    number = policy.proposed_version or 0 if verb in {"confirm", "decline"} else shown_version(policy, asked).number
    problems: list[str] = []
    if request.method == "POST":
        note = request.POST.get("note", "")[:2000]
        try:
            # What is confirmed is the version that was looked at, not one that was proposed meanwhile.
            changed = _act(actor, policy, verb, int(asked) if asked.isdecimal() else number, note)
        except (ConflictError, InvalidInputError) as error:
            problems = _problems_of(error)
        else:
            said = _("The change waits for a second person.") if changed else act["said"] % {"n": number}
            say(request, said)
            if verb == "delete":
                return redirect_to(request, "verification:policy-list")
            return redirect_to(request, "verification:policy-detail", policy.public_id)
    version = None if verb == "delete" or not number else version_of(policy, number)
    context = {
        "policy": policy,
        "verb": verb,
        "act": act,
        "title": act["title"] % {"n": number},
        "version": version,
        "problems": problems,
        "lines": line_diff(version_in_state(policy, PolicyVersion.State.ACTIVE), version)
        if version is not None and verb in {"activate", "confirm"}
        else [],
        "two_people": verb in {"activate", "retire"} and policy.organization.policy_changes_need_second_person,
    }
    status = 422 if problems else 200
    return render_page(request, "verification/policy_act.html", context, fragments={"dialog": "dialog"}, status=status)


def _act(actor: Actor, policy: Policy, verb: str, number: int, note: str) -> bool:
    """Whether the change waits for a second person."""
    match verb:
        case "activate":
            return bool(activate_version(actor, policy.id, number=number).proposed_change)
        case "shadow":
            shadow_version(actor, policy.id, number=number)
        case "retire":
            return bool(retire_policy(actor, policy.id).proposed_change)
        case "delete":
            delete_policy(actor, policy.id)
        case _:
            confirm_change(actor, policy.id, number=number, accept=verb == "confirm", note=note)
    return False


def _problems_of(error: ConflictError | InvalidInputError) -> list[str]:
    return [
        f"{problem.field}: {problem.message}" if problem.field else problem.message for problem in error.problems
    ] or [error.message]
