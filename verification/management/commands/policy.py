"""`manage.py policy test|diff|export|import|lint`: policies as files, for repositories and pipelines."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from django.core.management.base import BaseCommand, CommandError

from accounts.contracts import OPERATOR, Actor
from accounts.models import Organization
from aim.errors import InvalidInputError, ServiceError
from aim.ids import IdKind, InvalidIdError, parse_id
from aim.resources.patterns import compile_scope
from verification.models import Policy
from verification.policies.cases import run_tests
from verification.policies.conditions.registry import Facts
from verification.policies.document import document_value
from verification.policies.linting import LintedPolicy, lint_policy
from verification.policies.yaml_files import PolicyFile, read_file
from verification.policy_selectors import (
    document_diff,
    export_policies,
    facts_of,
    latest_version,
    lint_all,
    surroundings_of,
)
from verification.services.policy_import import import_policies


class Command(BaseCommand):
    help = "Test, compare, export, import and lint policies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        test = commands.add_parser("test", help="run the tests inside the policies of a file")
        diff = commands.add_parser("diff", help="what a file would change in an organization")
        export = commands.add_parser("export", help="write the organization's policies as YAML")
        import_ = commands.add_parser("import", help="make drafts of the policies of a file")
        lint = commands.add_parser("lint", help="what policies probably do not mean, of a file or an organization")
        for command, needs_organization in ((test, False), (diff, True), (export, True), (import_, True), (lint, True)):
            command.add_argument(
                "--organization", required=needs_organization, metavar="NAME|ID", help="whose policies, zone and people"
            )
            command.add_argument("--json", action="store_true", help="JSON instead of sentences")
        for command in (test, diff, import_):
            command.add_argument("file", metavar="FILE", help="YAML, or - for standard input")
        lint.add_argument("file", metavar="FILE", nargs="?", help="YAML; without it the organization's own policies")
        export.add_argument("--output", metavar="FILE", help="instead of standard output")
        test.add_argument("--timezone", default="UTC", help="where no organization is named")
        import_.add_argument("--dry-run", action="store_true", help="only say what would happen")
        import_.add_argument("--note", default="", help="why; goes on record")

    def handle(self, *_args: Any, **options: Any) -> None:
        actor = _actor(options["organization"]) if options["organization"] else None
        try:
            match options["command"]:
                case "test":
                    self._test(actor, options)
                case "diff":
                    self._diff(actor or OPERATOR, options)
                case "export":
                    self._export(actor or OPERATOR, options)
                case "import":
                    self._import(actor or OPERATOR, options)
                case _:
                    self._lint(actor or OPERATOR, options)
        except InvalidInputError as error:
            lines = [f"{problem.field or options.get('file')}: {problem.message}" for problem in error.problems]
            raise CommandError("\n".join(lines)) from None
        except ServiceError as error:
            raise CommandError("\n".join([error.message, *(problem.message for problem in error.problems)])) from None

    def _test(self, actor: Actor | None, options: dict[str, Any]) -> None:
        file = read_file(_text(options["file"]))
        facts = _facts(actor, file, options["timezone"])
        results = [
            {"policy": document.name, **asdict(result), "passed": result.passed}
            for document in file.policies
            for result in run_tests(document, facts)
        ]
        failed = [result for result in results if not result["passed"]]
        lines = [
            f"{'ok  ' if one['passed'] else 'FAIL'} {one['policy']}: {one['name']}"
            + ("" if one["passed"] else f" – expected {one['expect']}, got {one['got']}. {one['detail']}")
            for one in results
        ]
        self._say(options, results, [*lines, f"{len(results) - len(failed)} of {len(results)} tests passed."])
        if failed:
            raise CommandError(f"{len(failed)} tests failed.")

    def _diff(self, actor: Actor, options: dict[str, Any]) -> None:
        changes = []
        for document in read_file(_text(options["file"])).policies:
            known = Policy.objects.filter(organization_id=actor.scope, name__iexact=document.name).first()
            before = latest_version(known).document if known else {}
            found = document_diff(before, document_value(document))
            changes += [{"policy": document.name, "new": known is None, **change} for change in found]
        lines = [f"{one['policy']}: {one['path']}: {_shown(one['before'])} → {_shown(one['after'])}" for one in changes]
        self._say(options, changes, lines or ["Nothing differs."])

    def _export(self, actor: Actor, options: dict[str, Any]) -> None:
        text = export_policies(actor)
        if options["output"]:
            Path(options["output"]).write_text(text, encoding="utf-8")
        elif options["json"]:
            self.stdout.write(json.dumps({"yaml": text}, ensure_ascii=False))
        else:
            self.stdout.write(text, ending="")

    def _import(self, actor: Actor, options: dict[str, Any]) -> None:
        text = _text(options["file"])
        done = import_policies(actor, text, note=options["note"], dry_run=options["dry_run"])
        lines = [
            f"{one.kind.replace('_', ' ')} {one.name}: {one.result}{f', version {one.version}' if one.version else ''}"
            for one in done
        ]
        written = "New versions are drafts: activate them to put them in force."
        end = "Nothing was written." if options["dry_run"] else written
        self._say(options, [asdict(one) for one in done], [*lines, end])

    def _lint(self, actor: Actor, options: dict[str, Any]) -> None:
        name = options["file"]
        found = _lint_file(actor, read_file(_text(name))) if name else lint_all(actor)
        lines = [f"{one['policy']}: {one['code']}: {one['message']}" for one in found]
        self._say(options, found, lines or ["Nothing to say."])
        if found:
            raise CommandError(f"{len(found)} findings.")

    def _say(self, options: dict[str, Any], data: Sequence[Any], lines: Sequence[str]) -> None:
        text = json.dumps(data, ensure_ascii=False) if options["json"] else "\n".join(lines)
        self.stdout.write(text)


def _lint_file(actor: Actor, file: PolicyFile) -> list[dict[str, str]]:
    """As if the file's policies were in force: each stands for the one of its name that is."""
    known = surroundings_of(actor)
    names = {document.name.casefold() for document in file.policies}
    mine = tuple(LintedPolicy(document.name, document.name, document) for document in file.policies)
    surroundings = msgspec.structs.replace(
        known,
        data_classes={**known.data_classes, **{one.name: one.patterns for one in file.data_classes}},
        live=(*(one for one in known.live if one.name.casefold() not in names), *mine),
    )
    return [
        {"policy": document.name, "code": one.code, "field": one.field, "message": one.message}
        for document in file.policies
        for one in lint_policy(document, surroundings, policy_id=document.name)
    ]


def _actor(name: str) -> Actor:
    """The operator at this machine, in one organization."""
    try:
        found = Organization.objects.filter(id=parse_id(IdKind.ORGANIZATION, name)).first()
    except InvalidIdError:
        found = Organization.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"There is no organization {name}.")
    return replace(OPERATOR, organization_id=found.id)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}") from None


def _facts(actor: Actor | None, file: PolicyFile, timezone: str) -> Facts:
    if timezone not in available_timezones():
        raise CommandError(f"Unknown time zone: {timezone}")
    facts = facts_of(actor) if actor else Facts(zone=ZoneInfo(timezone))
    own = {one.name: compile_scope(one.patterns) for one in file.data_classes}
    return replace(facts, data_classes={**facts.data_classes, **own})


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
