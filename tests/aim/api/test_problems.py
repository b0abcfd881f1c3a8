import gzip
import json

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, Throttled
from rest_framework.response import Response
from rest_framework.views import APIView

from aim.api.parsers import StrictJSONParser
from aim.api.problems import bad_request, not_found, permission_denied, problem_response, server_error
from aim.api.serializers import IdField, StrictSerializer, TextField, TruthField, WholeNumberField
from aim.errors import ConflictError, Problem
from aim.ids import IdKind
from aim.logs import correlation_id

AGENT = "agt_" + "0" * 32


class Limits(StrictSerializer):
    calls = WholeNumberField(min_value=1)
    strict = TruthField(required=False)


class Member(StrictSerializer):
    name = TextField(max_length=5)


class Request(StrictSerializer):
    agent_id = IdField(kind=IdKind.AGENT)
    action_type = TextField()
    created = TextField(read_only=True)
    limits = Limits(required=False)
    members = Member(many=True, required=False)
    ranges = serializers.ListField(child=TextField(), required=False)
    parameters = serializers.JSONField(required=False)


class Bearer(BaseAuthentication):
    def authenticate_header(self, request):  # noqa: ARG002
        return 'Bearer realm="test"'

    def authenticate(self, request):  # noqa: ARG002
        return None


class Door(APIView):
    authentication_classes = [Bearer]
    permission_classes = []
    parser_classes = [StrictJSONParser]
    raises = None

    def get_exception_handler(self):
        return problem_response

    def post(self, request):
        if self.raises is not None:
            raise self.raises
        serializer = Request(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(Request(serializer.validated_data).data)


def post(body, *, content_type="application/json", raises=None, method="post", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = getattr(RequestFactory(), method)("/api/v1/x", raw, content_type=content_type, **headers)
    response = Door.as_view(raises=raises)(request)
    response.render()
    document = json.loads(response.content)
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert document["status"] == response.status_code
        assert document["type"].startswith("urn:aim:problem:")
        assert document["title"]
        assert document["detail"]
    return response, document


def messages(body):
    response, document = post(body)
    assert response.status_code == 400
    return {error["field"]: error["message"] for error in document["errors"]}


def test_a_good_request_passes():
    response, document = post({"agent_id": AGENT, "action_type": " x ", "limits": {"calls": 1, "strict": False}})
    assert response.status_code == 200
    assert document["agent_id"] == AGENT
    assert document["action_type"] == " x "


@pytest.mark.requirement("E6")
def test_every_problem_is_named_at_once():
    body = {
        "agent_id": "usr_1",
        "shoe": 1,
        "created": "x",
        "limits": {"calls": "5", "strict": "yes", "deep": 1},
        "members": [{"name": "ok"}, {"name": "far too long"}, {}],
        "ranges": ["a", 5],
    }
    assert messages(body) == {
        "agent_id": "Not an id of the form agt_….",
        "action_type": "Missing required field: action_type",
        "shoe": "Unknown field: shoe",
        "created": "Read-only field: created",
        "limits.calls": "A valid integer is required.",
        "limits.strict": "Must be a valid boolean.",
        "limits.deep": "Unknown field: limits.deep",
        "members[1].name": "Ensure this field has no more than 5 characters.",
        "members[2].name": "Missing required field: members[2].name",
        "ranges[1]": "Not a valid string.",
    }


@pytest.mark.requirement("E6")
def test_the_documents_sentence_stands_in_the_detail():
    _, document = post({"agent_id": AGENT})
    assert document["detail"] == "Missing required field: action_type"
    assert document["errors"] == [
        {"field": "action_type", "code": "required", "message": "Missing required field: action_type"}
    ]


@pytest.mark.parametrize("value", [12.0, "12", True, None, [], {}])
def test_a_number_is_a_number(value):
    assert "limits.calls" in messages({"agent_id": AGENT, "action_type": "x", "limits": {"calls": value}})


@pytest.mark.parametrize("value", [1, True, None, [], {}, 1.5])
def test_a_text_is_a_text(value):
    assert "action_type" in messages({"agent_id": AGENT, "action_type": value})
    assert "agent_id" in messages({"agent_id": value, "action_type": "x"})


def test_text_that_cannot_be_stored_is_refused_by_the_serializer_too():
    for value in ["\0", "\ud800", {"a": ["\0"]}, {"\0": 1}]:
        serializer = Request(data={"agent_id": AGENT, "action_type": "x", "parameters": value})
        assert not serializer.is_valid()
        assert set(serializer.errors) == {"parameters"}


def test_problems_of_the_json_itself_are_named():
    response, document = post(b'{"a":1,"a":NaN}')
    assert response.status_code == 400
    assert [error["code"] for error in document["errors"]] == ["duplicate", "number"]
    assert document["type"] == "urn:aim:problem:malformed"


def test_a_huge_body_is_413_whether_or_not_it_says_so():
    assert post(b'{"a":"' + b"x" * 70_000 + b'"}')[0].status_code == 413
    assert post(b"{}", CONTENT_LENGTH="70000")[0].status_code == 413


def test_compressed_and_other_bodies_are_415():
    assert post(gzip.compress(b"{}"), headers={"content-encoding": "gzip"})[0].status_code == 415
    assert post(b"{}", headers={"content-encoding": "br, gzip"})[0].status_code == 415
    assert post(b"a=1", content_type="application/x-www-form-urlencoded")[0].status_code == 415
    assert post(b"{}", content_type="text/plain")[0].status_code == 415
    assert post(b"{}", content_type="application/json; charset=utf-16")[0].status_code == 415
    assert (
        post({"agent_id": AGENT, "action_type": "x"}, content_type="application/json; charset=UTF-8")[0].status_code
        == 200
    )


def test_headers_of_refusals():
    response, _ = post(b"{}", raises=NotAuthenticated())
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="test"')
    response, _ = post(b"{}", raises=Throttled(wait=2.1))
    assert (response.status_code, response["Retry-After"]) == (429, "3")
    response, _ = post(b"{}", method="put")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    response, document = post(b"{}", raises=OperationalError("password of host db.internal"))
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "internal" not in json.dumps(document)


def test_what_an_exception_says_of_rows_stays_inside():
    for raises, status in [(Http404("No Agent 7 of organization 5"), 404), (PermissionDenied("secret rule"), 403)]:
        response, document = post(b"{}", raises=raises)
        assert response.status_code == status
        assert "secret" not in json.dumps(document)
        assert "organization" not in json.dumps(document)


def test_a_refusal_of_a_service_keeps_its_code_and_fields():
    response, document = post(
        b"{}", raises=ConflictError("Name taken.", problems=(Problem("name", "taken", "Taken."),))
    )
    assert (response.status_code, document["type"]) == (409, "urn:aim:problem:conflict")
    assert document["errors"] == [{"field": "name", "code": "taken", "message": "Taken."}]


def test_the_request_id_is_told_when_there_is_one():
    token = correlation_id.set("abc")
    try:
        assert post(b"[]")[1]["request_id"] == "abc"
    finally:
        correlation_id.reset(token)
    assert "request_id" not in post(b"[]")[1]


def test_an_unexpected_exception_is_left_to_django():
    with pytest.raises(ZeroDivisionError):
        post(b"{}", raises=ZeroDivisionError("secret"))


@pytest.mark.parametrize(
    ("view", "status"), [(bad_request, 400), (permission_denied, 403), (not_found, 404), (server_error, 500)]
)
def test_django_s_own_error_pages_are_problems_below_api_only(view, status):
    arguments = () if view is server_error else (ValueError("secret"),)
    response = view(RequestFactory().get("/api/v1/nowhere"), *arguments)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert b"secret" not in response.content
    page = view(RequestFactory().get("/dashboard/nowhere"), *arguments)
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
