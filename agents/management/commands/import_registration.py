"""`manage.py import_registration FILE --email E [--organization NAME] [--json] [--dry-run]`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.actors import is_usable, person_actor
from accounts.models import Membership
from agents.services.imports import import_registrations, read_registrations
from aim.errors import InvalidInputError


class Command(BaseCommand):
    help = "Register the agents of a file that the console has exported. Their API keys are shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--email", required=True, help="the person who registers them, and owns them")
        parser.add_argument("--organization", default="", metavar="NAME", help="where the person is in several")
        parser.add_argument("--dry-run", action="store_true", help="only say what is wrong with them")
        parser.add_argument("--json", action="store_true", help="one line of JSON an agent")

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = person_actor(_membership(options["email"], options["organization"]), credential="import")
        try:
            text = options["file"].read_text(encoding="utf-8")
            if options["dry_run"]:
                self._check(text)
                return
            results = import_registrations(actor, text)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{options['file']} is no text.") from None
        except InvalidInputError as error:
            raise CommandError(error.message) from None
        for result in results:
            made, refusal = result.made, result.error
            line = {
                "name": result.name,
                "id": made.agent.public_id if made else None,
                "api_key": (made.api_key or None) if made else None,
                "repeated": bool(made and made.repeated),
                "error": refusal.message if refusal else None,
            }
            if options["json"]:
                self.stdout.write(json.dumps(line))
            elif made and made.repeated:
                self.stdout.write(f"{result.name}: {line['id']}, registered before; its API key was shown then")
            elif made:
                self.stdout.write(f"{result.name}: {line['id']}, API key {line['api_key']}")
            else:
                self.stdout.write(f"{result.name or '(no name)'}: {line['error']}")
        if any(result.error for result in results):
            raise CommandError("Not all of them were registered.")

    def _check(self, text: str) -> None:
        forms = read_registrations(text)
        for form in forms:
            name = form.value("name") or "(no name)"
            problems = [f"{field}: {errors[0]}" for field, errors in form.errors.items()]
            self.stdout.write(f"{name}: {'; '.join(problems) or 'complete'}")


def _membership(email: str, organization: str) -> Membership:
    found = Membership.objects.filter(user__email__iexact=email).select_related("user", "organization")
    if organization:
        found = found.filter(organization__name__iexact=organization)
    usable = [membership for membership in found if is_usable(membership)]
    if len(usable) != 1:
        raise CommandError(
            "Nobody active has this address here." if not usable else "Say which organization: --organization NAME."
        )
    return usable[0]
