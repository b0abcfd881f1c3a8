"""The forms of the pages of reports."""

from django import forms
from django.utils.translation import gettext_lazy as _

from security.models import Report
from security.services.reports import LONGEST_NOTE, LONGEST_TEXT


class ReportForm(forms.Form):
    severity = forms.ChoiceField(
        label=_("Severity"), choices=Report.Severity.choices, initial=Report.Severity.MEDIUM, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("What did you see?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}),
        help_text=_("What the agent did, when, and why it looks wrong."),
    )


class DecisionForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Whoever reported it reads this; it is kept in the ledger with your name."),
    )
