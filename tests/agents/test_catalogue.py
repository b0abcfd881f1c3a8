import pytest

from agents.catalogue import (
    ACTION_TYPES,
    CATALOGUE,
    RULE_GROUPS,
    CatalogueError,
    Risk,
    actions_of,
    capability_of,
    load_catalogue,
    validate_rule,
)

# Codes are stored in agents and in the ledger for ever. This list only grows.
GOLDEN = {
    "agent.delegate": "agent_delegate agent_start",
    "code.execute": "code_execution shell_command",
    "code.execute_privileged": "root_command",
    "code.repository_read": "repository_read",
    "code.repository_write": "repository_write repository_merge repository_delete",
    "database.admin": "database_schema_change database_grant database_backup database_restore",
    "database.read": "database_query database_schema_read",
    "database.write": "database_write database_delete",
    "deployment.run": "deployment_run deployment_rollback",
    "file_system.permissions": "file_permission_change file_owner_change",
    "file_system.read": "file_read file_list file_search",
    "file_system.write": "file_write file_delete file_create file_move file_copy directory_create directory_delete",
    "identity.manage": "user_create user_change user_delete permission_grant",
    "infrastructure.read": "infrastructure_read log_read",
    "infrastructure.write": "infrastructure_write infrastructure_delete configuration_change",
    "mcp.call": "mcp_tool_call",
    "mcp.read": "mcp_resource_read mcp_prompt_get",
    "memory.read": "memory_read knowledge_search",
    "memory.write": "memory_write memory_delete",
    "message.delete": "email_delete message_delete",
    "message.read": "email_read message_read calendar_read",
    "message.send": "email_send message_send calendar_write",
    "model.call": "model_call",
    "network.listen": "network_listen",
    "network.request": "api_call network_request webhook_send",
    "payment.send": "payment refund purchase",
    "record.read": "record_read record_export",
    "record.write": "record_write record_delete",
    "secret.read": "secret_access",
    "secret.write": "secret_write secret_rotate secret_delete",
    "web.browse": "web_browse web_search",
    "web.submit": "web_submit browser_action",
}


@pytest.mark.requirement("W2.4")
def test_the_codes_are_the_ones_that_were_stored():
    assert {code: " ".join(item.actions) for code, item in CATALOGUE.items()} == GOLDEN


@pytest.mark.requirement("W2.4")
def test_each_capability_says_what_it_is():
    for item in CATALOGUE.values():
        assert item.label
        assert item.description.endswith(".")
        assert isinstance(item.risk, Risk)


def test_reading_and_deleting_need_different_capabilities():
    assert capability_of("file_read") is CATALOGUE["file_system.read"]
    assert CATALOGUE["file_system.write"].label == "File System Access (write)"
    assert capability_of("file_delete") is CATALOGUE["file_system.write"]
    assert capability_of("File_read") is None
    assert capability_of("") is None


def test_actions_of_unknown_codes_are_none():
    assert actions_of(["file_system.read", "nonsense"]) == {"file_read", "file_list", "file_search"}
    assert actions_of([]) == frozenset()


def test_every_action_has_one_capability():
    assert sum(len(item.actions) for item in CATALOGUE.values()) == len(ACTION_TYPES)
    assert actions_of(CATALOGUE) == ACTION_TYPES


ENTRY = '[[capability]]\ncode = "{}"\nlabel = "L"\ndescription = "D."\nrisk = "{}"\nactions = [{}]\n'
GROUP = '[[rule_group]]\ncode = "g"\nlabel = "G"\nrules = []\n'


@pytest.mark.parametrize(
    "text",
    [
        ENTRY.format("a.b", "low", '"x"') + ENTRY.format("a.c", "low", '"x"'),
        ENTRY.format("a.b", "low", '"x"') + ENTRY.format("a.b", "low", '"y"'),
        ENTRY.format("a.b", "tiny", '"x"'),
        ENTRY.format("ab", "low", '"x"'),
        ENTRY.format("a.b", "low", '"X y"'),
        ENTRY.format("a.b", "low", ""),
        ENTRY.format("a.b", "low", '"x"') + "colour = 1\n",
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(text):
    with pytest.raises(CatalogueError):
        load_catalogue(text + GROUP)


@pytest.mark.requirement("W2.5")
@pytest.mark.parametrize(
    "rule",
    [
        "file_delete",
        "network.request",
        "file_read:/etc/**",
        "*:/etc/**",
        "database.write:sales.*",
        "api_call:https://*.example.com/**",
    ],
)
def test_rules_name_actions_capabilities_and_resources(rule):
    assert validate_rule(rule) == []


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "*",
        "*:",
        "**",
        "file_dele",
        "FILE_DELETE",
        "file_delete:",
        "file_delete:*",
        "/etc/**",
        "file_read:/a/../b",
        " file_delete",
        "x" * 1000,
    ],
)
def test_a_broken_rule_is_explained(rule):
    (problem,) = validate_rule(rule)
    assert len(problem) < 200


@pytest.mark.requirement("W2.5")
def test_the_documents_own_choices_are_offered():
    assert {"File deletion", "External API calls", "System file access", "Root commands"} <= {
        group.label for group in RULE_GROUPS.values()
    }
    assert [problem for group in RULE_GROUPS.values() for rule in group.rules for problem in validate_rule(rule)] == []
