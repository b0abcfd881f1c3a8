"""Every error of the API in one shape: `application/problem+json` (RFC 9457), naming every problem at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.cache import never_cache
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from aim.api.strict_json import MalformedJSONError, path_of
from aim.errors import Problem, ServiceError
from aim.logs import correlation_id

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:aim:problem:"
RETRY_SECONDS = 2
_NAMED_IN_DETAIL = 5

_SENTENCES = {
    "required": "Missing required field: {field}",
    "unknown": "Unknown field: {field}",
    "read_only": "Read-only field: {field}",
}


def problem_response(exc: Exception, context: Mapping[str, Any]) -> Response | None:  # noqa: ARG001 - DRF's signature
    """DRF's exception handler. None leaves an unexpected exception to Django, and so to `server_error`."""
    if isinstance(exc, ServiceError):
        set_rollback()
        body = problem_body(exc.status, code=exc.code, detail=exc.message, errors=exc.problems)
        after = {} if exc.retry_after is None else {"Retry-After": str(exc.retry_after)}
        return Response(body, status=exc.status, headers=after, content_type=CONTENT_TYPE)
    headers: dict[str, str] = {}
    errors: list[Problem] = []
    error = _as_api_exception(exc)
    if error is None:
        return None
    if isinstance(exc, MalformedJSONError):
        errors = exc.problems
    elif isinstance(error, exceptions.ValidationError):
        errors = list(list_problems(error.detail))
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or 'Bearer realm="aim"'
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    elif error.status_code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers["Retry-After"] = str(RETRY_SECONDS)
    set_rollback()
    body = problem_body(error.status_code, code=_code(error), detail=_detail(error, errors), errors=errors)
    return Response(body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE)


def problem_body(status: int, *, code: str, detail: str, errors: Sequence[Problem] = ()) -> dict[str, object]:
    """The members of RFC 9457 section 3.1, and `errors` and `request_id` where there are any.

    `code` is stable and names the type `urn:aim:problem:<code>`.
    """
    body: dict[str, object] = {
        "type": TYPE_PREFIX + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in errors]
    if request_id := correlation_id.get():
        body["request_id"] = request_id
    return body


def list_problems(detail: object, path: str = "") -> Iterator[Problem]:
    """DRF's nested error details, flat, each with the path of its field."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from list_problems(inner, path if own else path_of(path, name))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            # A list of texts belongs to one field; a list of objects has one member for each item sent.
            nested = isinstance(inner, Mapping | list | tuple)
            yield from list_problems(inner, path_of(path, index) if nested else path)
    else:
        code = str(getattr(detail, "code", None) or "invalid")
        yield Problem(path, code, _SENTENCES.get(code, "{message}").format(field=path, message=str(detail)))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler400` of the project."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _json_problem(HTTPStatus.BAD_REQUEST, code="bad_request", detail="The request is malformed.")


@never_cache
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler403` of the project."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return _json_problem(HTTPStatus.FORBIDDEN, code="permission_denied", detail="You may not do this.")


@never_cache
def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """`handler404` of the project."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return _json_problem(HTTPStatus.NOT_FOUND, code="not_found", detail="Not found.")


@never_cache
def server_error(request: HttpRequest) -> HttpResponseBase:
    """`handler500` of the project: says nothing of the cause, which is in the log under the request id."""
    if not _is_api(request):
        return defaults.server_error(request)
    return _json_problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal_error",
        detail="Something went wrong on our side. The operator finds it in the log under the request id.",
    )


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _json_problem(status: HTTPStatus, *, code: str, detail: str) -> JsonResponse:
    return JsonResponse(problem_body(status, code=code, detail=detail), status=status, content_type=CONTENT_TYPE)


class _ContentTooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class _Unavailable(exceptions.APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The database does not answer. Nothing was changed; try again."
    default_code = "unavailable"


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    """The answer to the exception. What the exception itself says, such as of the row that was sought, stays here."""
    answer: exceptions.APIException | None = None
    match exc:
        case exceptions.APIException():
            answer = exc
        case MalformedJSONError(problems=[Problem(code="too_large"), *_]) | RequestDataTooBig():
            answer = _ContentTooLarge()
        case MalformedJSONError() | SuspiciousOperation():
            answer = exceptions.ParseError("The request is malformed.", code="malformed")
        case Http404():
            answer = exceptions.NotFound()
        case PermissionDenied():
            answer = exceptions.PermissionDenied()
        case OperationalError() | InterfaceError():
            answer = _Unavailable()
    return answer


def _code(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "invalid"
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def _detail(error: exceptions.APIException, errors: Sequence[Problem]) -> str:
    if not errors:
        return str(error.detail)
    named = "; ".join(sentence_of(problem) for problem in errors[:_NAMED_IN_DETAIL])
    more = len(errors) - _NAMED_IN_DETAIL
    return f"{named}; and {more} more" if more > 0 else named


def sentence_of(problem: Problem) -> str:
    """The message, with its field in front where the message does not name it."""
    if not problem.field or problem.field in problem.message:
        return problem.message
    return f"{problem.field}: {problem.message}"
