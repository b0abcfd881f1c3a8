"""`manage.py createadmin --email E --organization NAME [--name N] [--json]`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.services.administrators import Administrator, create_administrator
from aim.errors import InvalidInputError


class Command(BaseCommand):
    help = "Make an admin of an organization (made too where it is new) and a personal API token, shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--organization", required=True, metavar="NAME")
        parser.add_argument("--name", default="", help="the person's name")
        parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            admin = create_administrator(
                email=options["email"], organization_name=options["organization"], name=options["name"]
            )
        except InvalidInputError as error:
            raise CommandError(error.message) from None
        self.stdout.write(_as_json(admin) if options["json"] else _as_sentences(admin))


def _as_json(admin: Administrator) -> str:
    organization = admin.membership.organization
    return json.dumps(
        {
            "email": admin.membership.user.email,
            "password": admin.password,
            "organization": {"id": organization.public_id, "name": organization.name},
            "token": admin.token,
        }
    )


def _as_sentences(admin: Administrator) -> str:
    lines = [f"{admin.membership.user.email} is an admin of {admin.membership.organization.name}."]
    if admin.password:
        lines.append(f"One-time password, to be changed at the first sign-in: {admin.password}")
    else:
        lines.append("The password stays as it was.")
    lines.append(f"Personal API token, shown this once: {admin.token}")
    return "\n".join(lines)
