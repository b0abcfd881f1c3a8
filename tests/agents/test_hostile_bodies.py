"""Whatever is sent to the registry, the answer names the problem and nothing breaks."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.configuration import FIELDS
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import configuration
from tests.factories.api import Api

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    st.sampled_from([*FIELDS, "access_scope", "limits", "public_key", "public_key_type", "id", "status"]) | st.text()
)


@pytest.fixture(scope="module")
def api():
    return Api(make_person(make_organization()).token)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(fields=st.dictionaries(NAMES, VALUES, max_size=4))
def test_registration_never_breaks(api, fields):
    response = api.post("/agents", {**configuration(), **fields})
    assert response.status_code in {201, 400, 409}
    if response.status_code == 400:
        assert response.json()["detail"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(name=st.sampled_from(["q", "status", "owner", "capability", "limit", "cursor"]), value=st.text(max_size=60))
def test_filters_never_break(api, name, value):
    response = api.client.get("/api/v1/agents", {name: value.encode(errors="replace")}, headers=api.headers)
    assert response.status_code in {200, 400}
