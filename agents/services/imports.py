"""Registrations that a browser kept while AIM was away, in the file that the console exports."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from agents.errors import IdempotencyKeyReusedError
from agents.registration_form import RegistrationForm
from agents.services.registration import Registration, register_agent
from aim.errors import InvalidInputError, Problem, ServiceError

MOST = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of one of the file's registrations: the agent, or why there is none."""

    name: str
    made: Registration | None
    error: ServiceError | None


def import_registrations(actor: Actor, text: str) -> list[Imported]:
    """Register each, one after the other: what is refused does not keep the others away. Raises `InvalidInputError`."""
    return [_import(actor, form) for form in read_registrations(text)]


def read_registrations(text: str) -> list[RegistrationForm]:
    """The forms in the file; raises `InvalidInputError` for anything that is no such file."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused(_("This is no JSON.")) from None
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST:
        raise _refused(
            ngettext(
                "The file must hold 1 to %(most)s registration.",
                "The file must hold 1 to %(most)s registrations.",
                MOST,
            )
            % {"most": MOST}
        )
    return [RegistrationForm(_form_data(entry)) for entry in entries]


def _form_data(entry: Any) -> Any:
    """The wizard's fields. An entry of another shape gives an empty form, which names everything that is missing."""
    from django.http import QueryDict  # noqa: PLC0415 - only to give the form what a browser would

    data = QueryDict(mutable=True)
    form = entry.get("form") if isinstance(entry, dict) else None
    for name, values in form.items() if isinstance(form, dict) else ():
        if isinstance(name, str) and isinstance(values, list) and all(isinstance(value, str) for value in values):
            data.setlist(name, values)
    return data


def _import(actor: Actor, form: RegistrationForm) -> Imported:
    name = str(form.value("name") or "")
    if not form.is_valid():
        problems = [Problem(field, "invalid", str(errors[0])) for field, errors in form.errors.items()]
        return Imported(name, None, InvalidInputError(tuple(problems)))
    try:
        key = form.cleaned_data["public_key"].strip()
        asked = partial(register_agent, actor, form.configuration(), public_key=key or None, kept=True)
        try:
            made = asked(idempotency_key=form.cleaned_data["idempotency_key"])
        except IdempotencyKeyReusedError:
            # The file was changed since the form was sent: it asks for another agent.
            made = asked()
        return Imported(name, made, None)
    except ServiceError as error:
        return Imported(name, None, error)


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError((Problem("file", "invalid", message),))
