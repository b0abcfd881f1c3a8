import pytest

from agents.catalogue import RULE_GROUPS
from aim.resources.resource import normalize_resource
from verification.agent_rules import compile_rules

RULES = ["file_delete", "network.request", "*:/etc/**", "file_read:/app/secret/**", "database.write:sales.*"]


@pytest.mark.requirement("W2.5", "W4.2")
@pytest.mark.parametrize(
    ("action", "resource", "rule"),
    [
        ("file_delete", "/app/x", "file_delete"),
        ("api_call", "https://a.example.com/", "network.request"),
        ("network_request", "/x", "network.request"),
        ("file_read", "/etc/passwd", "*:/etc/**"),
        ("anything", "/app/../etc/passwd", "*:/etc/**"),
        ("file_read", "/app/secret/x", "file_read:/app/secret/**"),
        ("file_write", "/app/secret/x", None),
        ("database_delete", "SALES.customers", "database.write:sales.*"),
        ("database_query", "sales.customers", None),
        ("file_read", "/app/x", None),
    ],
)
def test_the_rule_that_applies_is_named(action, resource, rule):
    assert compile_rules(RULES).match(action, normalize_resource(resource)) == rule


def test_a_resource_nobody_can_read_meets_every_rule_of_its_action():
    rules = compile_rules(["file_read:/etc/**"])
    assert rules.match("file_read", None) == "file_read:/etc/**"
    assert rules.match("file_write", None) is None


def test_a_broken_rule_restricts_everything():
    assert compile_rules(["file_delete", "nonsense"]).match("file_read", normalize_resource("/x")) == "nonsense"


def test_no_rules_restrict_nothing():
    assert compile_rules([]).match("file_read", None) is None


@pytest.mark.parametrize(
    ("action", "resource"),
    [("file_read", "/etc/passwd"), ("file_write", "C:\\WINDOWS\\system32\\x"), ("file_read", "/proc/self/environ")],
)
def test_system_files_are_what_people_think_they_are(action, resource):
    rules = compile_rules(RULE_GROUPS["system_file_access"].rules)
    assert rules.match(action, normalize_resource(resource)) is not None
    assert rules.match(action, normalize_resource("/app/etc/x")) is None
