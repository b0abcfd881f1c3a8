"""The API of the organization's policies."""

from collections.abc import Mapping
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
from aim.api.path_ids import path_id
from aim.errors import InvalidInputError, Problem
from aim.ids import IdKind
from verification.api import policy_serializers as shapes
from verification.models import Policy, PolicyVersion
from verification.policies.replay import Replay, count_matches
from verification.policies.yaml_files import load_yaml
from verification.policy_selectors import (
    check_document,
    describe_version,
    diff_of,
    dry_run_of,
    export_policies,
    findings_of,
    history_of_policy,
    latest_version,
    lint_all,
    policies_visible_to,
    policy_by_id,
    surroundings_of,
    test_version,
    version_by_id,
    version_of,
)
from verification.services.policies import (
    activate_version,
    add_version,
    confirm_change,
    create_policy,
    delete_policy,
    retire_policy,
    shadow_version,
)
from verification.services.policy_import import import_policies


def _document(values: Mapping[str, Any]) -> Any:
    return load_yaml(values["yaml"]) if "yaml" in values else values["document"]


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    if "since" in values and values["since"] >= values["until"]:
        raise InvalidInputError((Problem("until", "invalid", "Must be later than since."),))
    return values


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
        values = _valid(shapes.VersionRequestSerializer(data=request.data))
        version = create_policy(self.actor, _document(values), note=values.get("note", ""))
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
        values = _valid(shapes.DocumentRequestSerializer(data=request.data))
        checked = check_document(self.actor, _document(values))
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
        values = _valid(shapes.ImportSerializer(data=request.data))
        dry_run = values.get("dry_run", False)
        done = import_policies(self.actor, values["yaml"], note=values.get("note", ""), dry_run=dry_run)
        return Response(shapes.ImportResultSerializer({"dry_run": dry_run, "results": done}).data)


class OnePolicyView(ActorView):
    def policy(self, policy_id: str) -> Policy:
        return policy_by_id(self.actor, path_id(IdKind.POLICY, policy_id))

    def number(self, policy: Policy, values: Mapping[str, Any]) -> int:
        number: int = values.get("version") or latest_version(policy).number
        version_of(policy, number)
        return number

    def shown(self, policy: Policy, status: int = 200) -> Response:
        return Response(shapes.PolicySerializer(policy_by_id(self.actor, policy.id)).data, status=status)


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
        values = _valid(shapes.VersionRequestSerializer(data=request.data))
        version = add_version(self.actor, policy.id, _document(values), note=values.get("note", ""))
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
        values = _valid(shapes.DiffRequestSerializer(data=request.query_params))
        changes = diff_of(version_of(policy, values["before"]), version_of(policy, values["after"]))
        return Response(shapes.ChangeSerializer(changes, many=True).data)


@extend_schema(tags=["Policies"])
class HistoryView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}
    pagination_class = CursorPages

    @extend_schema(summary="Who changed what", operation_id="policy_history", responses=HistorySerializer(many=True))
    def get(self, request: Request, policy_id: str) -> Response:
        pages = CursorPages()
        rows = pages.paginate_queryset(history_of_policy(self.policy(policy_id)), request, self)
        return pages.get_paginated_response(HistorySerializer(rows, many=True).data)


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
        values = _valid(shapes.NumberSerializer(data=request.data))
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
        values = _valid(shapes.NumberSerializer(data=request.data))
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
        values = _valid(shapes.ConfirmSerializer(data=request.data))
        changed = confirm_change(
            self.actor,
            policy.id,
            number=values["version"],
            accept=values["accept"],
            note=values.get("note", ""),
        )
        return self.shown(changed)


@extend_schema(tags=["Policies"])
class TestView(OnePolicyView):
    __test__ = False
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="Run the tests inside a version",
        operation_id="policy_test",
        request=shapes.NumberSerializer,
        responses=shapes.TestResultSerializer(many=True),
    )
    def post(self, request: Request, policy_id: str) -> Response:
        policy = self.policy(policy_id)
        values = _valid(shapes.NumberSerializer(data=request.data))
        version = version_of(policy, self.number(policy, values))
        return Response(shapes.TestResultSerializer(test_version(self.actor, version), many=True).data)


@extend_schema(tags=["Policies"])
class DryRunView(OnePolicyView):
    permissions: ClassVar = {"POST": Permission.POLICIES_WRITE}

    @extend_schema(
        summary="What would it have changed?",
        operation_id="policy_dry_run",
        request=shapes.DryRunRequestSerializer,
        responses=shapes.DryRunSerializer,
    )
    def post(self, request: Request, policy_id: str) -> Response:
        """Judges recorded requests again, by today's active policies with and without the version.

        Agents count as they are configured today; trust, address and time as they were. At most 100,000 decisions or
        fifteen seconds, newest first: `complete` and `covered_since` say how far it came.
        """
        policy = self.policy(policy_id)
        values = _valid(shapes.DryRunRequestSerializer(data=request.data))
        version = None if values.get("retire") else version_of(policy, self.number(policy, values))
        result = dry_run_of(policy, version, since=values["since"], until=values["until"])
        return Response(shapes.DryRunSerializer(_dry_run(result, version)).data)


def _dry_run(result: Replay, version: PolicyVersion | None) -> dict[str, Any]:
    return {
        "version": version.number if version else None,
        "examined": result.examined,
        **{change: result.changes[change] for change in ("newly_denied", "newly_pending", "newly_allowed")},
        "unchanged": result.unchanged,
        "unaffected": result.unaffected,
        "later_checks_unknown": result.later_checks_unknown,
        "not_replayable": dict(result.not_replayable),
        "groups": sorted(result.groups.values(), key=lambda group: -group.count),
        "groups_left_off": result.groups_left_off,
        "complete": result.complete,
        "covered_since": result.covered_since,
        "seconds": round(result.seconds, 3),
    }


@extend_schema(tags=["Policies"])
class MatchesView(OnePolicyView):
    permissions: ClassVar = {"GET": Permission.POLICIES_READ}

    @extend_schema(
        summary="How often did it apply?",
        operation_id="policy_matches",
        parameters=[shapes.PeriodSerializer],
        responses=shapes.MatchesSerializer,
    )
    def get(self, request: Request, policy_id: str) -> Response:
        """By version and effect, live and as a shadow, from the records; bounded as a dry run is."""
        policy = self.policy(policy_id)
        values = _valid(shapes.PeriodSerializer(data=request.query_params))
        found = count_matches(policy.organization_id, policy.public_id, since=values["since"], until=values["until"])
        counts = [
            {"version": version, "shadow": shadow, "effect": effect, "count": count}
            for (version, shadow, effect), count in sorted(found.counts.items())
        ]
        agents = [{"agent_id": agent, "count": count} for agent, count in found.agents.most_common(20)]
        body = {
            "examined": found.examined,
            "counts": counts,
            "agents": agents,
            "samples": found.samples,
            "complete": found.complete,
            "covered_since": found.covered_since,
        }
        return Response(shapes.MatchesSerializer(body).data)
