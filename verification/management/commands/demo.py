"""`manage.py demo`: a realistic organization, and live traffic of agents that really sign and call the API."""

import json
import signal
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from random import Random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from accounts.services.administrators import Administrator
from aim.runtime.environment import data_folder
from aim.runtime.supervisor import StopRequested
from verification.demo.caller import Caller
from verification.demo.driver import Driver
from verification.demo.organization import first_admin, prepare
from verification.demo.story import read_story
from verification.demo.traffic import Traffic
from verification.demo.vault import Vault

_SLOWEST, _QUICKEST = 0.1, 20.0


class Command(BaseCommand):
    help = "Make a demonstration organization and let its agents ask and report, until Ctrl-C. `up --demo` starts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--prepare", action="store_true", help="only make the organization")
        what.add_argument("--once", type=_count, metavar="N", help="send N requests without pauses, and end")
        parser.add_argument("--rate", type=_rate, default=3.0, help="requests a second; default 3")
        parser.add_argument("--seed", type=int, help="the same choices again")
        parser.add_argument("--json", action="store_true", help="one line of JSON instead of sentences")

    def handle(self, *_args: Any, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _request_stop)
        try:
            self._run(options)
        except StopRequested:
            return

    def _run(self, options: dict[str, Any]) -> None:
        story = read_story()
        membership, sign_in = first_admin(story)
        self._tell_sign_in(sign_in, as_json=options["json"])
        agents = prepare(story, membership, Vault(data_folder([])))
        connections.close_all()
        if options["prepare"]:
            if not options["json"]:
                self._say(f"  demonstration      {len(agents)} agents of {story.organization}")
            return
        random = Random(options["seed"])  # noqa: S311 - it chooses what to show, no secret depends on it
        caller = Caller(settings.ORIGIN)
        driver = Driver(
            Traffic(story, agents, random=random),
            caller,
            rate=options["rate"],
            limit=options["once"],
            random=random,
            say=self._say,
        )
        if options["once"] is None:
            self._say(f"{len(agents)} agents of {story.organization} call {settings.ORIGIN}")
        with closing(caller):
            driver.run()
        self._say(json.dumps(driver.outcomes) if options["json"] else _in_words(driver.outcomes))

    def _tell_sign_in(self, sign_in: Administrator | None, *, as_json: bool) -> None:
        """The password and the token exist only here: they are shown when the organization is made, and never again."""
        if as_json:
            made = sign_in and {
                "email": sign_in.membership.user.email,
                "password": sign_in.password,
                "organization": sign_in.membership.organization.name,
                "token": sign_in.token,
            }
            self._say(json.dumps({"sign_in": made}))
        elif sign_in:
            self._say(f"  sign in as         {sign_in.membership.user.email} ({sign_in.membership.organization.name})")
            self._say(f"  one-time password  {sign_in.password}   (shown this once)")
            self._say(f"  API token          {sign_in.token}   (shown this once)")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _request_stop(_number: int, _frame: object) -> None:
    raise StopRequested


def _in_words(outcomes: dict[str, int]) -> str:
    parts = (f"{number} {name}" for name, number in sorted(outcomes.items(), key=lambda item: -item[1]))
    return ", ".join(parts) or "nothing asked"


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ArgumentTypeError("at least 1")
    return count


def _rate(text: str) -> float:
    rate = float(text)
    if not _SLOWEST <= rate <= _QUICKEST:
        raise ArgumentTypeError(f"{_SLOWEST} to {_QUICKEST} requests a second")
    return rate
