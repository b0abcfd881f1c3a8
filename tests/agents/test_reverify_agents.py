"""`manage.py reverify_agents`: many agents at once from the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents.models import Agent, PublicKey
from agents.services.lifecycle import suspend_agent
from agents.services.remote_proof import set_verification_url
from aim import clock
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from aim.outbound.places import allowed_networks
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.ledger import recorded
from tests.mcp.hostile import Bent, bent_server


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8", "::1/128"]
    allowed_networks.cache_clear()
    yield
    allowed_networks.cache_clear()


@pytest.fixture
def admin():
    return make_person(make_organization())


def run(admin, *options):
    """The exit code, and what it has printed for programs."""
    out, code = StringIO(), 0
    organization = show_id(IdKind.ORGANIZATION, admin.organization.id)
    try:
        call_command(
            "reverify_agents", "--json", "--organization", organization, *options, stdout=out, stderr=StringIO()
        )
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(out.getvalue())


@pytest.mark.requirement("O.1")
def test_it_asks_the_chosen_goes_on_where_it_stopped_and_names_whom_it_cannot_ask(admin):
    good, new = make_verified_agent(admin.actor), make_agent(admin.actor)
    liar, silent, away = (make_verified_agent(admin.actor) for _ in range(3))
    with bent_server(Bent(key=good.key)) as one, bent_server(Bent(key=new.key)) as two:
        for held, server in ((good, one), (new, two), (liar, two), (away, one)):
            set_verification_url(admin.actor, held.agent.id, url=f"{server.origin}/verify")
        suspend_agent(admin.actor, away.agent.id, reason="not now")
        names = sorted(held.agent.name for held in (good, new, liar))
        left_out = [silent.agent.name]
        assert run(admin, "--dry-run") == (0, {"dry_run": True, "agents": names, "cannot_be_asked": left_out})
        assert run(admin, "--status", "pending", "--dry-run")[1]["agents"] == [new.agent.name]
        assert run(admin, "--older-than", "1", "--dry-run")[1]["agents"] == [new.agent.name]
        begun = clock.show_time(clock.now())
        before = clock.now()
        with recorded(admin.organization.id, Event.CHALLENGE_ISSUED, Event.AGENT_REVERIFIED):
            code, shown = run(admin, f"--agent={good.agent.public_id}")
        assert (code, shown["succeeded"], shown["errors"], shown["cannot_be_asked"]) == (0, 1, {}, [])
        assert PublicKey.objects.filter(agent=good.agent, proved_at__gt=before).exists()
        rest = sorted(held.agent.name for held in (new, liar))
        assert run(admin, "--since", begun, "--dry-run")[1]["agents"] == rest
        code, shown = run(admin, "--since", begun, "--concurrency", "2")
        assert (code, shown["succeeded"], shown["failed"]) == (1, 1, 1)
        wrong = "Cryptographic verification failed. Check private key matches public key."
        assert shown["errors"] == {liar.agent.name: wrong}
        assert run(admin, "--since", begun, "--dry-run")[1]["agents"] == []
    statuses = dict(Agent.objects.filter(organization=admin.organization).values_list("name", "status"))
    assert statuses[new.agent.name] == statuses[liar.agent.name] == "verified"


def test_an_option_that_is_none_is_refused(admin):
    for options in (["--agent", "mcp_1"], ["--concurrency", "65"], ["--since", "yesterday"], ["--status", "revoked"]):
        with pytest.raises(CommandError):
            run(admin, *options)
