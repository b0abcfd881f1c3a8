"""How an agent proves to the general API which agent it is. Decisions authenticate in their own lane."""

from rest_framework.request import Request

from accounts.api.authentication import BearerAuthentication, bearer_of, refusal
from accounts.contracts import Actor, ActorKind
from accounts.permissions import AGENT_PERMISSIONS
from accounts.sessions import address_of
from agents.models import ApiKey
from agents.selectors import api_key_by_digest
from aim.secrets import digest_of

_SCHEME = "aim_"


class AgentKeyAuthentication(BearerAuthentication):
    """`Authorization: Bearer aim_…`, the API key of one agent, whatever the agent's status."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiKey] | None:
        secret = bearer_of(request)
        if secret is None or not secret.startswith(_SCHEME):
            return None
        key = api_key_by_digest(digest_of(secret))
        if key is None:
            raise refusal()
        actor = Actor(
            kind=ActorKind.AGENT,
            id=key.agent_id,
            label=key.agent.name,
            organization_id=key.agent.organization_id,
            permissions=AGENT_PERMISSIONS,
            address=address_of(request.META),
            credential=key.prefix,
        )
        return actor, key
