"""The API of the organization's policies."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from agents.api.serializers import HistorySerializer
from aim.api.pagination import CursorPages
from verification.api import policy_serializers as shapes
from verification.api.policy_view import OnePolicyView, document_in, valid
from verification.models import Policy, PolicyVersion
from verification.policy_selectors import (
    check_document,
    export_policies,
    findings_of,
    history_of_policy,
    lint_all,
    policies_visible_to,
    policy_by_id,
    surroundings_of,
)
from verification.services.policies import (
    create_policy,
    delete_policy,
)
from verification.services.policy_import import import_policies


class PolicyFilters(django_filters.FilterSet):  # type: ignore[misc]
    state = django_filters.ChoiceFilter(choices=PolicyVersion.State.choices, method="in_state")
    q = django_filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=200)

    class Meta:
        model = Policy
        fields: ClassVar[list[str]] = []

    def in_state(self, rows: QuerySet[Policy], _name: str, value: str) -> QuerySet[Policy]:
        return rows.filter(versions__state=value).distinct()


@extend_schema(tags=["Policies"])
class PolicyListView(ActorView, GenericAPIView[Policy]):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ, "POST": Permission.POLICIES_WRITE}
    filterset_class = PolicyFilters
    queryset = Policy.objects.none()

    @extend_schema(summary="List the policies", operation_id="policies", responses=shapes.PolicySerializer(many=True))
    def get(self, _request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(policies_visible_to(self.actor))) or []
        return self.get_paginated_response(shapes.PolicySerializer(rows, many=True).data)

    @extend_schema(
        summary="Write a policy",
        operation_id="policy_create",
        request=shapes.VersionRequestSerializer,
        responses={201: shapes.SavedPolicySerializer},
    )
    def post(self, request: Request) -> Response:
        """Its first version is a draft: it decides nothing until it is activated. `findings` are the linter's."""
        values = valid(shapes.VersionRequestSerializer(data=request.data))
        version = create_policy(self.actor, document_in(values), note=values.get("note", ""))
        return Response(self._saved(version), status=201)

    def _saved(self, version: PolicyVersion) -> dict[str, Any]:
        policy = policy_by_id(self.actor, version.policy_id)
        findings = findings_of(version, surroundings_of(self.actor))
        return {
            **shapes.PolicySerializer(policy).data,
            "findings": shapes.FindingSerializer(findings, many=True).data,
        }


@extend_schema(tags=["Policies"])
class CheckPolicyView(ActorView):
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="Check a policy without saving it",
        operation_id="policy_check",
        request=shapes.DocumentRequestSerializer,
        responses=shapes.CheckedDocumentSerializer,
    )
    def post(self, request: Request) -> Response:
        """The document as object, YAML and sentences, with the linter's findings and its own tests."""
        values = valid(shapes.DocumentRequestSerializer(data=request.data))
        checked = check_document(self.actor, document_in(values))
        return Response(shapes.CheckedDocumentSerializer(checked).data)


@extend_schema(tags=["Policies"])
class LintView(ActorView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(
        summary="What the linter finds",
        operation_id="policies_lint",
        responses=shapes.PolicyFindingSerializer(many=True),
    )
    def get(self, _request: Request) -> Response:
        """Of every policy that is not retired: over-broad, unreachable, contradictory, never matching, broken."""
        return Response(shapes.PolicyFindingSerializer(lint_all(self.actor), many=True).data)


@extend_schema(tags=["Policies"])
class ExportView(ActorView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(summary="Export as YAML", operation_id="policies_export", responses=shapes.YamlSerializer)
    def get(self, _request: Request) -> Response:
        """All policies that are not retired, in their newest version, and the data classes."""
        return Response({"yaml": export_policies(self.actor)})


@extend_schema(tags=["Policies"])
class ImportView(ActorView):
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="Import from YAML",
        operation_id="policies_import",
        request=shapes.ImportSerializer,
        responses=shapes.ImportResultSerializer,
    )
    def post(self, request: Request) -> Response:
        """Policies are found by name. New versions are drafts: nothing is in force before somebody activates it."""
        values = valid(shapes.ImportSerializer(data=request.data))
        dry_run = values.get("dry_run", False)
        done = import_policies(self.actor, values["yaml"], note=values.get("note", ""), dry_run=dry_run)
        return Response(shapes.ImportResultSerializer({"dry_run": dry_run, "results": done}).data)


@extend_schema(tags=["Policies"])
class PolicyView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ, "DELETE": Permission.POLICIES_WRITE}

    @extend_schema(summary="One policy", operation_id="policy", responses=shapes.PolicySerializer)
    def get(self, _request: Request, policy_id: str) -> Response:
        return self.shown(self.policy(policy_id))

    @extend_schema(summary="Delete a policy", operation_id="policy_delete", responses={204: None})
    def delete(self, _request: Request, policy_id: str) -> Response:
        """Only while it was never more than a draft (409): retire it otherwise."""
        delete_policy(self.actor, self.policy(policy_id).id)
        return Response(status=204)


@extend_schema(tags=["Policies"])
class HistoryView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}
    pagination_class = CursorPages

    @extend_schema(summary="Who changed what", operation_id="policy_history", responses=HistorySerializer(many=True))
    def get(self, request: Request, policy_id: str) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(history_of_policy(self.policy(policy_id)), request, self)
        return pages.get_paginated_response(HistorySerializer(rows, many=True).data)
