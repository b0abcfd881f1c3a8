"""The rules of the house that no type checker knows."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands

from aim.checks import ROOMS
from aim.ledger.events import Event
from verification.codes import MEANINGS, Code
from verification.registry import checks_in_order

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "migrations" not in path.parts]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
ORDER = ["aim", "accounts", "agents", "mcp", "verification", "security", "compliance"]

REGISTERED_CHECKS = [
    "agent_status",
    "allowed_ip",
    "signature",
    "containment",
    "capability",
    "mcp_server",
    "scope",
    "policy",
    "trust_score",
    "anomaly",
    "rate_limit",
]


def test_registered_checks_are_these():
    """A check that is missing would allow what it should refuse, so that its loss must be a visible change here."""
    assert [check.name for check in checks_in_order()] == REGISTERED_CHECKS
    assert [check.name for check in checks_in_order()] == [
        path.stem
        for name in REGISTERED_CHECKS
        for path in [ROOT / "verification/checks" / f"{name}.py"]
        if path.is_file()
    ]


def test_every_code_has_a_meaning():
    assert set(MEANINGS) == set(Code)


@pytest.mark.parametrize(
    ("pattern", "instead", "but_in"),
    [
        (r"timezone\.now\(|datetime\.now\(|datetime\.utcnow", "aim.clock.now", {"aim/clock.py"}),
        (r"mark_safe|\|safe\b", "autoescaping", set()),
        (r"ATOMIC_REQUESTS", "transactions in services", set()),
        (r"^ +print\(", "structlog, or self.stdout in a command", None),
        # Whose turn it is, is one statement with parameters, and the pages filter what it finds by the ORM.
        (
            r"\.extra\(|RawSQL\(",
            "the ORM, or one SQL statement with parameters",
            {"verification/approvals/selectors.py"},
        ),
        (r"import requests\b|urllib\.request", "nothing: there is no outbound call yet", None),
    ],
)
def test_forbidden_call(pattern, instead, but_in):
    if but_in is None:
        but_in = {"verification/demo", "aim/runtime", "management/commands"}
    found = [
        f"{path.relative_to(ROOT)}: use {instead}"
        for path in SOURCES
        if re.search(pattern, path.read_text(), re.MULTILINE)
        and not any(part in str(path.relative_to(ROOT)) for part in but_in)
    ]
    assert not found


def test_status_of_an_agent_is_set_in_its_services_only():
    found = [
        path.relative_to(ROOT)
        for path in SOURCES
        if re.search(r"agent\.status = ", path.read_text()) and "agents/services" not in str(path)
    ]
    assert not found


def test_every_event_is_written_somewhere():
    sources = "\n".join(path.read_text() for path in SOURCES if path.name != "events.py")
    missing = [event.name for event in Event if f"Event.{event.name}" not in sources]
    assert not missing


def test_every_command_and_task_has_a_test():
    commands = [name for name, app in get_commands().items() if app in ROOMS or app.partition(".")[0] in ROOMS]
    assert {"up", "createadmin", "demo"} <= set(commands)
    tasks = re.findall(r"@shared_task\ndef (\w+)", "\n".join(path.read_text() for path in SOURCES))
    assert tasks
    assert [name for name in [*commands, *tasks] if not re.search(rf"\b{name}\b", TESTS)] == []


def test_models_point_only_to_rooms_below():
    for model in apps.get_models():
        room = model.__module__.partition(".")[0]
        if room not in ORDER:
            continue
        for field in model._meta.get_fields():
            other = getattr(field, "related_model", None)
            if field.auto_created or other is None or other.__module__.partition(".")[0] not in ORDER:
                continue
            assert ORDER.index(other.__module__.partition(".")[0]) <= ORDER.index(room), f"{model} → {other}"


def test_files_stay_within_sight():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
