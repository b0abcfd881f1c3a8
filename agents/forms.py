"""The forms of the registry's pages."""

from django import forms
from django.utils.translation import gettext_lazy as _


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
