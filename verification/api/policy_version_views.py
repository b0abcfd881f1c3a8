"""The API of a policy's versions, and of what is in force of it."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from aim.api.pagination import CursorPages
from aim.api.path_ids import path_id
from aim.ids import IdKind
from verification.api import policy_serializers as shapes
from verification.api.policy_view import OnePolicyView, document_in, valid
from verification.policy_selectors import (
    describe_version,
    diff_of,
    version_by_id,
    version_of,
)
from verification.services.policies import (
    activate_version,
    add_version,
    confirm_change,
    retire_policy,
    shadow_version,
)


@extend_schema(tags=["Policies"])
class VersionsView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ, "POST": Permission.POLICIES_WRITE}
    pagination_class = CursorPages

    @extend_schema(
        summary="List the versions", operation_id="policy_versions", responses=shapes.VersionSerializer(many=True)
    )
    def get(self, request: Request, policy_id: str) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(self.policy(policy_id).versions.all(), request, self)
        return pages.get_paginated_response(shapes.VersionSerializer(rows, many=True).data)

    @extend_schema(
        summary="Write the next version",
        operation_id="policy_version_create",
        request=shapes.VersionRequestSerializer,
        responses={201: shapes.VersionDetailSerializer},
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """A draft; the version in force stays. Where nothing differs, the newest version is answered."""
        policy = self.policy(policy_id)
        values = valid(shapes.VersionRequestSerializer(data=request.data))
        version = add_version(self.actor, policy.id, document_in(values), note=values.get("note", ""))
        return Response(shapes.VersionDetailSerializer(describe_version(self.actor, version)).data, status=201)


@extend_schema(tags=["Policies"])
class VersionView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(summary="One version", operation_id="policy_version", responses=shapes.VersionDetailSerializer)
    def get(self, _request: Request, policy_id: str, version_id: str) -> Response:
        """As object, YAML and sentences; with the linter's findings, its tests, and what it changes."""
        policy = self.policy(policy_id)
        version = version_by_id(policy, path_id(IdKind.POLICY_VERSION, version_id))
        return Response(shapes.VersionDetailSerializer(describe_version(self.actor, version)).data)


@extend_schema(tags=["Policies"])
class DiffView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(
        summary="Compare two versions",
        operation_id="policy_diff",
        parameters=[shapes.DiffRequestSerializer],
        responses=shapes.ChangeSerializer(many=True),
    )
    def get(self, request: Request, policy_id: str) -> Response:
        policy = self.policy(policy_id)
        values = valid(shapes.DiffRequestSerializer(data=request.query_params))
        changes = diff_of(version_of(policy, values["before"]), version_of(policy, values["after"]))
        return Response(shapes.ChangeSerializer(changes, many=True).data)


@extend_schema(tags=["Policies"])
class ShadowView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_ACTIVATE}

    @extend_schema(
        summary="Try a draft beside what is in force",
        operation_id="policy_shadow",
        request=shapes.NumberSerializer,
        responses=shapes.PolicySerializer,
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """Decides nothing; what it would have said stands in the record of each decision."""
        policy = self.policy(policy_id)
        values = valid(shapes.NumberSerializer(data=request.data))
        return self.shown(shadow_version(self.actor, policy.id, number=self.number(policy, values)))


@extend_schema(tags=["Policies"])
class ActivateView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_ACTIVATE}

    @extend_schema(
        summary="Put a version in force",
        operation_id="policy_activate",
        request=shapes.NumberSerializer,
        responses={200: shapes.PolicySerializer, 202: shapes.PolicySerializer},
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """In force for every decision that is committed later. Its tests must pass (409).

        202 where the organization wants a second person: `proposal` waits for `POST …/confirm` by somebody else.
        """
        policy = self.policy(policy_id)
        values = valid(shapes.NumberSerializer(data=request.data))
        changed = activate_version(self.actor, policy.id, number=self.number(policy, values))
        return self.shown(changed, 202 if changed.proposed_change else 200)


@extend_schema(tags=["Policies"])
class RetireView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_ACTIVATE}

    @extend_schema(
        summary="Retire a policy",
        operation_id="policy_retire",
        request=None,
        responses={200: shapes.PolicySerializer, 202: shapes.PolicySerializer},
    )
    def post(self, _request: Request, policy_id: str) -> Response:
        """Ends what is in force of it, shadow included. 202 as for an activation."""
        changed = retire_policy(self.actor, self.policy(policy_id).id)
        return self.shown(changed, 202 if changed.proposed_change else 200)


@extend_schema(tags=["Policies"])
class ConfirmView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_ACTIVATE}

    @extend_schema(
        summary="Confirm or decline a proposed change",
        operation_id="policy_confirm",
        request=shapes.ConfirmSerializer,
        responses=shapes.PolicySerializer,
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """By another person than the one who proposed it (409); anybody who may activate can decline."""
        policy = self.policy(policy_id)
        values = valid(shapes.ConfirmSerializer(data=request.data))
        changed = confirm_change(
            self.actor,
            policy.id,
            number=values["version"],
            accept=values["accept"],
            note=values.get("note", ""),
        )
        return self.shown(changed)
