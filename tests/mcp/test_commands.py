"""Many servers at once from the command line."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aim import clock
from aim.ids import IdKind, show_id
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import pem_of
from tests.factories.mcp import make_server
from tests.mcp.servers import health_server

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def admin():
    return make_person(make_organization())


def run(command, admin, *options):
    """The exit code, and what it has printed for programs."""
    out, code = StringIO(), 0
    organization = show_id(IdKind.ORGANIZATION, admin.organization.id)
    try:
        call_command(command, "--json", "--organization", organization, *options, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(out.getvalue())


@pytest.mark.requirement("W6.7")
def test_reverify_mcp_takes_the_chosen_goes_on_where_it_stopped_and_says_what_failed(admin, sdk):
    good = [make_server(admin.actor, public_key=pem_of(sdk.key), **sdk.fields()) for _ in range(3)]
    bad = make_server(admin.actor, url="http://127.0.0.1:1/mcp")
    begun = clock.now()
    names = sorted(server.name for server in [*good, bad])
    assert run("reverify_mcp", admin, "--dry-run") == (0, {"dry_run": True, "servers": names})
    chosen = [f"--server={server.public_id}" for server in good[:2]]
    code, shown = run("reverify_mcp", admin, *chosen)
    assert (code, shown["succeeded"], shown["errors"]) == (0, 2, {})
    assert good[0].runs.filter(state="succeeded").count() == 1
    since = clock.show_time(begun)
    code, left = run("reverify_mcp", admin, "--since", since, "--dry-run")
    assert left["servers"] == sorted([good[2].name, bad.name])
    code, shown = run("reverify_mcp", admin, "--since", since, "--concurrency", "2")
    assert (code, shown["succeeded"], shown["failed"], list(shown["errors"])) == (1, 1, 1, [bad.name])
    assert run("reverify_mcp", admin, "--since", since, "--dry-run")[1]["servers"] == []
    assert run("reverify_mcp", admin, "--older-than", "1", "--dry-run")[1]["servers"] == [bad.name]
    assert run("reverify_mcp", admin, "--verification", "failed", "--dry-run")[1]["servers"] == [bad.name]
    later = clock.show_time(clock.now() + timedelta(days=1))
    assert len(run("reverify_mcp", admin, "--since", later, "--dry-run")[1]["servers"]) == 4


def test_an_id_or_a_number_that_is_none_is_refused(admin):
    for options in (["--server", "agt_1"], ["--concurrency", "0"], ["--since", "yesterday"]):
        with pytest.raises(CommandError):
            run("reverify_mcp", admin, *options)


@pytest.mark.requirement("W6.7")
def test_mcp_health_asks_now_and_keeps_what_it_is_told(admin):
    with health_server() as real:
        server = make_server(admin.actor, url=real.url, health_endpoint="/health")
        code, shown = run("mcp_health", admin)
        assert (code, [row["health"] for row in shown["servers"]]) == (0, ["healthy"])
        real.status = 500
        code, shown = run("mcp_health", admin)
    assert (code, [row["error_code"] for row in shown["servers"]]) == (1, ["health_failed"])
    server.refresh_from_db()
    assert server.health == "unhealthy"
    checks = server.health_samples.values_list("trigger", "way", "http_status", "healthy")
    assert list(checks) == [("command", "endpoint", 500, False), ("command", "endpoint", 200, True)]
