"""The base of every view of the API."""

from collections.abc import Mapping
from typing import ClassVar

from rest_framework.views import APIView

from accounts.api.permissions import Declared
from accounts.contracts import Actor


class ActorView(APIView):
    """Says who may call which method, and knows the caller."""

    permissions: ClassVar[Mapping[str, Declared]] = {}
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    @property
    def actor(self) -> Actor:
        assert isinstance(self.request.user, Actor)
        return self.request.user
