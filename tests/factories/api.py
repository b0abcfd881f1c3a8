"""A caller of the API with one credential."""

import json
from typing import Any

from django.test import Client


class Api:
    def __init__(self, secret: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"authorization": f"Bearer {secret}"} if secret else {}

    def call(self, method: str, path: str, body: object = None):
        data = "" if body is None else json.dumps(body)
        return self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=self.headers
        )

    def get(self, path: str):
        return self.call("GET", path)

    def post(self, path: str, body: object = None):
        return self.call("POST", path, body)

    def patch(self, path: str, body: object):
        return self.call("PATCH", path, body)

    def delete(self, path: str):
        return self.call("DELETE", path)


def problem(response) -> dict[str, Any]:
    """The body without what differs between two equal refusals."""
    return {name: value for name, value in response.json().items() if name != "request_id"}


def messages(response) -> list[tuple[str, str]]:
    return [(error["field"], error["message"]) for error in response.json()["errors"]]
