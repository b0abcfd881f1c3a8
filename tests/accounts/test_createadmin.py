import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from tests.factories.accounts import unique
from tests.factories.api import Api


def createadmin(**options) -> str:
    out = StringIO()
    call_command("createadmin", stdout=out, **options)
    return out.getvalue()


def test_json_is_one_line_and_the_token_works():
    email, organization = f"{unique('a')}@example.com", unique("Org")
    output = createadmin(email=email, organization=organization, json=True)
    assert output.count("\n") == 1
    made = json.loads(output)
    assert set(made) == {"email", "password", "organization", "token"}
    assert made["organization"]["name"] == organization
    assert made["organization"]["id"].startswith("org_")
    assert made["token"].startswith("aimp_")
    assert User.objects.get(email=email).must_change_password
    assert User.objects.get(email=email).check_password(made["password"])
    assert Api(made["token"]).get("/me").json()["role"] == "admin"


def test_a_known_address_gets_another_token_and_keeps_the_password():
    email, organization = f"{unique('a')}@example.com", unique("Org")
    first = json.loads(createadmin(email=email, organization=organization, json=True))
    second = json.loads(createadmin(email=email.upper(), organization=organization, json=True))
    assert second["password"] is None
    assert second["token"] != first["token"]
    assert second["organization"] == first["organization"]
    assert User.objects.get(email=email).check_password(first["password"])
    assert Api(first["token"]).get("/me").status_code == Api(second["token"]).get("/me").status_code == 200


def test_people_read_sentences():
    email = f"{unique('a')}@example.com"
    output = createadmin(email=email, organization=unique("Org"), name="Ada")
    assert "One-time password" in output
    assert "aimp_" in output
    assert User.objects.get(email=email).name == "Ada"


def test_nonsense_is_refused_with_every_problem():
    with pytest.raises(CommandError, match=r"no e-mail address.*1 to 200 characters"):
        createadmin(email="nobody", organization=" ")
