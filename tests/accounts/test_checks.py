import pytest
from django.core.checks import run_checks
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.actor_view import ActorView
from accounts.api.permissions import HasPermission, UndeclaredPermissionError
from accounts.checks import api_views, undeclared_methods
from tests.factories.accounts import make_organization, make_person


class Silent(ActorView):
    """Forgets to say who may write."""

    permissions = {}

    def post(self, _request):
        raise AssertionError("reached")


def test_every_view_of_the_project_declares_its_permissions():
    assert [error for error in run_checks() if error.id == "accounts.E001"] == []
    assert all(issubclass(view, APIView) for _, view in api_views())


def test_a_view_that_declares_nothing_is_found_and_open_to_nobody():
    assert undeclared_methods(Silent) == ["POST"]
    request = Request(RequestFactory().post("/"))
    request.user = make_person(make_organization()).actor
    with pytest.raises(UndeclaredPermissionError):
        HasPermission().has_permission(request, Silent())
