"""The API of an agent's API keys, public keys and challenges."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from agents.api.serializers import (
    AgentSerializer,
    AnswerSerializer,
    ApiKeySerializer,
    ChallengeSerializer,
    FollowedChallengeSerializer,
    NewApiKeySerializer,
    PublicKeySerializer,
    PublicKeyTextSerializer,
    RemoteProofSerializer,
)
from agents.api.views import OneAgentView
from agents.selectors import challenge_of
from agents.services.api_keys import create_api_key, revoke_api_key
from agents.services.challenges import Answer, answer_challenge, issue_challenge
from agents.services.public_keys import confirm_public_key, propose_public_key
from agents.services.remote_proof import set_verification_url, start_remote_proof
from aim.api.path_ids import path_id
from aim.ids import IdKind

_CHANGE = """Propose a public key. Until the change is complete the active key stays in force.

1. `POST /api/v1/agents/{agent_id}/keys` with the new key: it is `unproved`.
2. `POST /api/v1/agents/{agent_id}/challenge` answers a statement for that key.
3. `POST /api/v1/agents/{agent_id}/challenge/{challenge_id}/response` with `signature` by the **new** key.
   With `active_key_signature`, the same statement signed by the **active** key, the new key is active at once and the
   old one retired.
4. Without it the new key is `proved`, and another admin than the person who proposed it completes the change:
   `POST /api/v1/agents/{agent_id}/keys/{key_id}/confirm`.

A pending agent has no active key yet: proving the proposed key verifies the agent.
A new proposal takes the place of an unfinished one."""


@extend_schema(tags=["Keys"])
class ApiKeysView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ, "POST": Permission.AGENTS_KEYS}

    @extend_schema(
        summary="List an agent's API keys", operation_id="api_keys_list", responses=ApiKeySerializer(many=True)
    )
    def get(self, _request: Request, agent_id: str) -> Response:
        """Prefixes and dates; the secrets are not kept. At most a handful, so there are no pages."""
        return Response(ApiKeySerializer(self.agent(agent_id).api_keys.all(), many=True).data)

    @extend_schema(
        summary="Make another API key",
        operation_id="api_keys_create",
        request=ApiKeySerializer,
        responses={201: NewApiKeySerializer},
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """To rotate: make one, let the agent use it, revoke the old one. The secret is shown this once."""
        agent = self.agent(agent_id)
        serializer = ApiKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        key, secret = create_api_key(self.actor, agent.id, expires_at=serializer.validated_data.get("expires_at"))
        return Response({**ApiKeySerializer(key).data, "api_key": secret.text}, status=201)


@extend_schema(tags=["Keys"])
class ApiKeyView(OneAgentView):
    permissions: ClassVar = {"DELETE": Permission.AGENTS_KEYS}

    @extend_schema(summary="Revoke an API key", operation_id="api_keys_delete", responses={204: None})
    def delete(self, _request: Request, agent_id: str, key_id: str) -> Response:
        """Refused everywhere from the moment this is answered."""
        revoke_api_key(self.actor, self.agent(agent_id).id, key_id=path_id(IdKind.API_KEY, key_id))
        return Response(status=204)


@extend_schema(tags=["Keys"])
class PublicKeysView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ, "POST": Permission.AGENTS_KEYS}

    @extend_schema(
        summary="List an agent's public keys", operation_id="keys_list", responses=PublicKeySerializer(many=True)
    )
    def get(self, _request: Request, agent_id: str) -> Response:
        return Response(PublicKeySerializer(self.agent(agent_id).public_keys.all(), many=True).data)

    @extend_schema(
        summary="Propose a public key",
        description=_CHANGE,
        operation_id="keys_create",
        request=PublicKeyTextSerializer,
        responses={201: PublicKeySerializer},
    )
    def post(self, request: Request, agent_id: str) -> Response:
        agent = self.agent(agent_id)
        serializer = PublicKeyTextSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        key = propose_public_key(
            self.actor, agent.id, public_key=values["public_key"], key_type=values.get("public_key_type")
        )
        return Response(PublicKeySerializer(key).data, status=201)


@extend_schema(tags=["Keys"])
class ConfirmView(OneAgentView):
    permissions: ClassVar = {"POST": Permission.AGENTS_ATTEST}

    @extend_schema(
        summary="Confirm a proved key as a second admin",
        operation_id="keys_confirm",
        request=None,
        responses=AgentSerializer,
    )
    def post(self, _request: Request, agent_id: str, key_id: str) -> Response:
        """Refused (409) for the person who proposed the key, and for a key that is not proved."""
        agent = self.agent(agent_id)
        confirm_public_key(self.actor, agent.id, key_id=path_id(IdKind.PUBLIC_KEY, key_id))
        return Response(self.shown(agent.id))


@extend_schema(tags=["Keys"])
class ChallengeView(OneAgentView):
    permissions: ClassVar = {"POST": Permission.PROVE_KEY}

    @extend_schema(
        summary="Request a challenge",
        operation_id="challenges_create",
        request=None,
        responses={201: ChallengeSerializer},
    )
    def post(self, _request: Request, agent_id: str) -> Response:
        """The statement to sign for the key that waits to be proved. Single use, five minutes.

        Callable with the agent's API key, or by a person. `printf %s "$statement" | openssl pkeyutl -sign -rawin …`
        """
        challenge = issue_challenge(self.actor, self.agent(agent_id).id)
        return Response(ChallengeSerializer(challenge).data, status=201)


@extend_schema(tags=["Keys"])
class RemoteProofView(OneAgentView):
    permissions: ClassVar = {"POST": Permission.AGENTS_KEYS}

    @extend_schema(
        summary="Have the agent prove its key at its verification URL",
        operation_id="agents_verify",
        request=RemoteProofSerializer,
        responses={202: FollowedChallengeSerializer},
    )
    def post(self, request: Request, agent_id: str) -> Response:
        """AIM posts the challenge to the URL, and judges the signature that is answered, by the rules of `challenge`.

        For the key that waits to be proved; where none does, the active key of a verified agent is proved again, which
        changes nothing else. Follow it by `GET /api/v1/agents/{agent_id}/challenge/{challenge_id}`; what went wrong
        stands in the agent's history too.
        """
        agent = self.agent(agent_id)
        serializer = RemoteProofSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if "verification_url" in serializer.validated_data:
            set_verification_url(self.actor, agent.id, url=serializer.validated_data["verification_url"])
        return Response(FollowedChallengeSerializer(start_remote_proof(self.actor, agent.id)).data, status=202)


@extend_schema(tags=["Keys"])
class FollowedChallengeView(OneAgentView):
    permissions: ClassVar = {"GET": Permission.AGENTS_READ}

    @extend_schema(
        summary="Follow a challenge", operation_id="challenges_retrieve", responses=FollowedChallengeSerializer
    )
    def get(self, _request: Request, agent_id: str, challenge_id: str) -> Response:
        """How far its proof is. `steps` are those of a proof at the verification URL, else empty."""
        challenge = challenge_of(self.agent(agent_id), path_id(IdKind.CHALLENGE, challenge_id))
        return Response(FollowedChallengeSerializer(challenge).data)


@extend_schema(tags=["Keys"])
class ResponseView(OneAgentView):
    permissions: ClassVar = {"POST": Permission.PROVE_KEY}

    @extend_schema(
        summary="Answer a challenge",
        operation_id="challenges_answer",
        request=AnswerSerializer,
        responses=AgentSerializer,
    )
    def post(self, request: Request, agent_id: str, challenge_id: str) -> Response:
        """Verifies a pending agent: status `verified`, trust 100.

        Ed25519 plain; RSA PKCS#1 v1.5 with SHA-256 unless `algorithm` is `rsa-pss-sha512`; ECDSA P-256 with SHA-256,
        DER or r‖s. A wrong signature (400) uses the challenge up; a used or expired one is answered with 409.
        """
        agent = self.agent(agent_id)
        challenge = challenge_of(agent, path_id(IdKind.CHALLENGE, challenge_id))
        serializer = AnswerSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        answer_challenge(
            self.actor,
            agent.id,
            challenge_id=challenge.id,
            answer=Answer(**serializer.validated_data),
        )
        return Response(self.shown(agent.id))
