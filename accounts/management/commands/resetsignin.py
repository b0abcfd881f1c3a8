"""`manage.py resetsignin --email E [--allow-passwords]`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.contracts import OPERATOR
from accounts.selectors import memberships_of_user
from accounts.services.members import reset_sign_in
from accounts.services.organizations import allow_passwords
from accounts.services.users import user_by_email


class Command(BaseCommand):
    help = "Let somebody in again who is locked out: a one-time password; second factors and sessions end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument(
            "--allow-passwords",
            action="store_true",
            help="also where the person's organizations allow single sign-on only: it no longer is the only way",
        )

    def handle(self, *_args: object, **options: Any) -> None:
        user = user_by_email(options["email"])
        memberships = list(memberships_of_user(user.id)) if user else []
        if user is None or not memberships:
            raise CommandError(f"Nobody with the address {options['email']} may sign in here.")
        with transaction.atomic():
            if options["allow_passwords"]:
                for membership in memberships:
                    allow_passwords(OPERATOR, membership.organization_id)
            password = reset_sign_in(OPERATOR, user.id, organization_id=memberships[0].organization_id)
        self.stdout.write(f"{user.email} signs in with {password} (shown this once), and chooses a new password then.")
