"""The forms of the settings: what they ask, and nothing of what is done with it."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from accounts.services.invitations import MOST_AT_ONCE
from accounts.services.organization_security import LONGEST_HOURS, SHORTEST_HOURS


def _zones() -> list[tuple[str, str]]:
    """Those with a place in their name, and UTC: the others are old spellings of the same."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names if name != "Factory")]


class OrganizationForm(forms.Form):
    name = forms.CharField(label=_("Organization name"), max_length=200)
    timezone = forms.ChoiceField(
        label=_("Default timezone"),
        help_text=_("Times are shown in it; the exact UTC is under the pointer."),
        choices=_zones,
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        help_text=_("PNG, JPEG or WebP, at most 1 MB. It is drawn anew, so that nothing but its pixels is kept."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
    )


class SecurityForm(forms.Form):
    second_factor_required = forms.BooleanField(required=False)
    sso_only = forms.BooleanField(required=False)
    session_hours = forms.IntegerField(label=_("Hours of a session"), min_value=SHORTEST_HOURS, max_value=LONGEST_HOURS)
    allowed_domains = forms.CharField(
        label=_("Domains whose people may join"),
        required=False,
        help_text=_("One a line. Whoever signs in by a provider with a confirmed address there joins as a viewer."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def clean_allowed_domains(self) -> list[str]:
        text: str = self.cleaned_data["allowed_domains"]
        return text.replace(",", " ").split()


class InviteForm(forms.Form):
    emails = forms.CharField(
        label=_("Email addresses"),
        help_text=_("Separated by commas, spaces or lines."),
        max_length=300 * MOST_AT_ONCE,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True, "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
    message = forms.CharField(
        label=_("Custom message"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean_emails(self) -> list[str]:
        text: str = self.cleaned_data["emails"]
        return text.replace(",", " ").replace(";", " ").split()


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class HeirForm(forms.Form):
    """`members` are those who can take over, by their typed ids."""

    to = forms.ChoiceField(label=_("Give what this person owns to"), required=False)

    def __init__(self, *args: Any, members: list[tuple[str, str]], needed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = members if needed else [("", _("Nobody: it stays without an owner")), *members]
        field.required = needed


class TeamForm(forms.Form):
    name = forms.CharField(label=_("Team name"), max_length=200)


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=200, help_text=_("What it is for, such as the pipeline that uses it.")
    )
    days = forms.TypedChoiceField(
        label=_("Expires after"),
        coerce=int,
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("1 year"))],
        initial=90,
    )
    scope = forms.ChoiceField(
        label=_("May do"),
        choices=[("read", _("Read only")), ("all", _("Everything that my role allows"))],
        initial="read",
    )


class NameForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class ViewForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})
    )
    default = forms.BooleanField(label=_("Begin with this view"), required=False)
    shared = forms.BooleanField(label=_("Share it with the organization"), required=False)
