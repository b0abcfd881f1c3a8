"""`manage.py followers list|replay NAME|restart NAME`: what reads the ledger, and how far it is."""

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aim import clock
from aim.ledger.followers import (
    UnknownFollowerError,
    registered_follower,
    registered_followers,
    replay_follower,
    restart_follower,
)
from aim.ledger.lag import Lag, follower_lags, sequencer_lag


class Command(BaseCommand):
    help = "List what follows the ledger and how far it is; restart what has stopped; replay it from the first entry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        one = commands.add_parser("list", help="each with its lag; ends with 1 when one has stopped or is far behind")
        one.add_argument("--json", action="store_true", help="JSON instead of a table")
        for name, text in (
            ("restart", "let a stopped follower go on from where it stands"),
            ("replay", "delete what it derived and let it begin again at the first entry"),
        ):
            one = commands.add_parser(name, help=text)
            one.add_argument("name", metavar="NAME")
            one.add_argument("--json", action="store_true", help="JSON instead of a sentence")
            if name == "replay":
                one.add_argument("--wait", action="store_true", help="return once it is as far as it was")

    def handle(self, *_args: object, **options: Any) -> None:
        if options["command"] == "list":
            self._list(as_json=options["json"])
            return
        try:
            registered_follower(options["name"])
        except UnknownFollowerError:
            names = ", ".join(known.name for known in registered_followers()) or "none"
            raise CommandError(f"No follower is named {options['name']}. There are: {names}.") from None
        if options["command"] == "restart":
            self._restart(options["name"], as_json=options["json"])
        else:
            self._replay(options["name"], wait=options["wait"], as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        lags = [sequencer_lag(), *follower_lags()]
        if as_json:
            self.stdout.write(json.dumps([_shown(lag) for lag in lags]))
        else:
            self.stdout.write(f"{'name':<20} {'seq':>12} {'behind':>10} {'seconds':>9}  state")
            for lag in lags:
                state = lag.problem or "ok"
                self.stdout.write(f"{lag.name:<20} {lag.seq:>12} {lag.entries:>10} {lag.seconds:>9.1f}  {state}")
        if any(lag.problem for lag in lags):
            raise SystemExit(1)

    def _restart(self, name: str, *, as_json: bool) -> None:
        seq = restart_follower(name)
        self.stdout.write(json.dumps({"name": name, "seq": seq}) if as_json else f"{name} goes on after entry {seq}.")

    def _replay(self, name: str, *, wait: bool, as_json: bool) -> None:
        stood = replay_follower(name)
        if not as_json:
            self.stdout.write(f"{name} begins again at the first entry; it stood at entry {stood}.")
        while wait and (lag := _lag_of(name)).seq < stood:
            if lag.stopped_at is not None:
                raise CommandError(lag.problem or "stopped")
            time.sleep(0.2)
        if as_json:
            self.stdout.write(json.dumps({"name": name, "stood_at": stood, "waited": wait}))
        elif wait:
            self.stdout.write(f"{name} is as far as it was.")


def _lag_of(name: str) -> Lag:
    return next(lag for lag in follower_lags() if lag.name == name)


def _shown(lag: Lag) -> dict[str, object]:
    times = {
        field: None if moment is None else clock.show_time(moment)
        for field, moment in (("updated_at", lag.updated_at), ("stopped_at", lag.stopped_at))
    }
    return asdict(lag) | times | {"seconds": round(lag.seconds, 3), "problem": lag.problem}
