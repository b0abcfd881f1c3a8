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
