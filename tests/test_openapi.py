"""The published description of the API is true: whatever may be sent by it, the answer is one that it names."""

import pytest
import schemathesis
import yaml
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.factories.accounts import make_organization, make_person
from tests.verification.world import make_agent

FILE = django_settings.BASE_DIR / "docs/openapi.yaml"
schema = schemathesis.openapi.from_dict(yaml.safe_load(FILE.read_text()))
schema.app = get_wsgi_application()
OPERATIONS = {operation.ok().label: operation.ok() for operation in schema.get_all_operations()}
AGENTS_OWN = ("/api/v1/verify/",)


@pytest.fixture(scope="module")
def credentials():
    person = make_person(make_organization())
    return {"person": person.token, "agent": make_agent(person.actor, calls_per_hour=1_000_000).api_key}


def test_every_address_is_described():
    assert len(OPERATIONS) > 30
    assert "POST /api/v1/verify/action" in OPERATIONS


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_answer_is_one_that_is_published(label, credentials):
    operation = OPERATIONS[label]
    secret = credentials["agent" if operation.path.startswith(AGENTS_OWN) else "person"]

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case):
        response = case.call(base_url="http://localhost", headers={"Authorization": f"Bearer {secret}"})
        assert response.status_code < 500, response.content
        case.validate_response(response, checks=[status_code_conformance, response_schema_conformance])

    check()
