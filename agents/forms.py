"""The forms of the registry's pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.catalogue import CATALOGUE
from agents.registration_form import LinesField
from agents.services.requests import LONGEST_NAME, LONGEST_PURPOSE


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=2000,
        help_text=_("Kept in the ledger with your name."),
        error_messages={"required": _("Say why, in at most 2000 characters.")},
        widget=forms.Textarea(attrs={"rows": 2, "autofocus": True}),
    )


class TrustForm(ReasonForm):
    score = forms.IntegerField(
        label=_("Score"),
        required=False,
        min_value=0,
        max_value=100,
        help_text=_("0 to 100. Left empty: the last one that the ledger knows."),
    )


class AgentRequestForm(forms.Form):
    """What a member says of the agent that they need; the service has the rules."""

    display_name = forms.CharField(
        label=_("Display Name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"placeholder": "Claims Summarizer", "autofocus": True}),
    )
    purpose = forms.CharField(
        label=_("What is it for?"),
        max_length=LONGEST_PURPOSE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Which task, for whom, and with which data. Whoever registers it decides by this."),
    )
    capabilities = forms.MultipleChoiceField(
        label=_("What should it be able to do?"),
        required=False,
        choices=[(code, item.label) for code, item in CATALOGUE.items()],
    )
    resource_scope = LinesField(label=_("Resources"), placeholder="/app/", help_text=_("One pattern a line."))


class NoteForm(forms.Form):
    note = forms.CharField(label=_("Note"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
