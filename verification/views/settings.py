"""The tab of the settings that says how decisions are made for all agents of the organization."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.pages.settings import saved, settings_tab
from accounts.permissions import Permission
from accounts.selectors import organization_of
from accounts.services.organizations import update_organization
from aim.console.pages import redirect_to
from aim.console.toasts import say
from aim.errors import ServiceError
from verification.behaviour.profile import GROWN, YOUNG
from verification.models import VerificationSettings
from verification.selectors import verification_settings_of
from verification.services.settings import decline_verification_settings, update_verification_settings

HERE = "verification:settings"
EFFECTS = {
    "require_approval": gettext_lazy("A person is asked"),
    "deny": gettext_lazy("It is denied"),
    "off": gettext_lazy("Nothing: behaviour is not looked at"),
}


class VerificationForm(forms.Form):
    anomaly_effect = forms.ChoiceField(label=gettext_lazy("What then"), choices=EFFECTS.items())
    anomaly_threshold = forms.IntegerField(label=gettext_lazy("From this score on"), min_value=1, max_value=100)


@require_http_methods(["GET", "POST"])
@console_page(Permission.ORGANIZATION_READ, change=Permission.ORGANIZATION_WRITE)
def verification_settings(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Saved by the service that the API calls; with a second person it waits, and the page says for what."""
    row = verification_settings_of(actor)
    known = {"anomaly_effect": row.anomaly_effect, "anomaly_threshold": row.anomaly_threshold}
    form = VerificationForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            row = update_verification_settings(actor, **form.cleaned_data)
        except ServiceError as error:
            form.add_error(None, error.message)
        else:
            if not row.proposed:
                return saved(request, HERE)
            say(request, _("Proposed. It is in force once another admin agrees."))
            return redirect_to(request, HERE)
    return settings_tab(
        request,
        actor,
        HERE,
        organization_of(actor),
        template="verification/settings_verification.html",
        form=form,
        row=row,
        effects=EFFECTS.items(),
        proposed=_proposed(row),
        may_agree=bool(row.proposed) and row.proposed_by_id not in {None, actor.id},
        young=YOUNG,
        grown=GROWN,
    )


@require_POST
@console_page(Permission.ORGANIZATION_WRITE)
def verification_settings_answer(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Agree to what somebody else proposed, or drop it."""
    row = verification_settings_of(actor)
    if "decline" in request.POST:
        decline_verification_settings(actor)
        say(request, _("The proposal is dropped."))
        return redirect_to(request, HERE)
    # What is agreed to is what was shown, whatever has been proposed in its place meanwhile.
    form = VerificationForm(request.POST)
    if not row.proposed or not form.is_valid() or _shown(row) != form.cleaned_data:
        say(request, _("The proposal has changed meanwhile. Look at it again."), failed=True)
        return redirect_to(request, HERE)
    row = update_verification_settings(actor, **row.proposed)
    say(request, _("Proposed. It is in force once another admin agrees.") if row.proposed else _("In force now."))
    return redirect_to(request, HERE)


@require_POST
@console_page(Permission.ORGANIZATION_WRITE)
def second_person(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Whether changes of policies and of these defaults need a second person. To switch it off takes two."""
    wanted = request.POST.get("second_person") == "on"
    organization = update_organization(actor, policy_changes_need_second_person=wanted)
    if organization.policy_changes_need_second_person == wanted:
        return saved(request, HERE)
    say(request, _("Proposed. A second person is needed until another admin agrees."))
    return redirect_to(request, HERE)


def _shown(row: VerificationSettings) -> dict[str, object]:
    """Both values as they would be."""
    proposed: dict[str, object] = row.proposed
    return {"anomaly_effect": row.anomaly_effect, "anomaly_threshold": row.anomaly_threshold} | proposed


def _proposed(row: VerificationSettings) -> dict[str, object] | None:
    if not row.proposed:
        return None
    values = _shown(row)
    words = EFFECTS.get(str(values["anomaly_effect"]), values["anomaly_effect"])
    return {**values, "words": words, "by": row.proposed_by, "at": row.proposed_at}
