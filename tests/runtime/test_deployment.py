"""The files of the production shape agree with each other and with the code; there is no container engine here."""

import re

import pytest
import yaml

from aim.environment import Environment
from aim.runtime import postgres
from aim.runtime.environment import CHECKOUT

COMPOSE_TEXT = (CHECKOUT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
OWN = {"migrate", "web", "worker", "beat"}


def variables():
    for name, field in Environment.model_fields.items():
        yield field.validation_alias or f"AIM_{name.upper()}"


def test_the_whole_topology_is_there():
    assert set(SERVICES) == OWN | {"proxy", "postgres", "valkey"}
    assert SERVICES["web"]["deploy"]["replicas"] >= 2
    assert SERVICES["worker"]["deploy"]["replicas"] >= 2
    assert SERVICES["beat"]["deploy"]["replicas"] == 1


def test_no_value_from_outside_has_a_default():
    used = re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", COMPOSE_TEXT)
    assert {name for name, _ in used} >= {"AIM_SECRET_KEY", "AIM_HOST", "AIM_DATABASE_PASSWORD", "AIM_VALKEY_PASSWORD"}
    assert all(rule.startswith(":?") for _, rule in used)
    assert not re.search(r"(?<![$\w])\$[A-Z]", COMPOSE_TEXT)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert set(service.get("cap_add", [])) <= ({"NET_BIND_SERVICE"} if name == "proxy" else set())
    assert ("ports" in service) == (name == "proxy")
    if name != "migrate":
        assert "healthcheck" in service


def test_only_the_database_s_neighbours_reach_it():
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert [name for name, service in SERVICES.items() if "back" not in service["networks"]] == ["proxy"]


def test_only_the_proxy_s_network_is_believed():
    (front,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["AIM_TRUSTED_PROXIES"] == front["subnet"]


def test_every_variable_given_to_the_product_exists():
    assert set(SERVICES["web"]["environment"]) <= set(variables())


def test_every_file_that_is_mounted_exists():
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", []) if mount.startswith("./")]
    assert mounts
    for mount in mounts:
        assert (CHECKOUT / mount.partition(":")[0]).is_file()


def test_the_locale_is_the_same_as_in_the_embedded_cluster():
    arguments = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert set(postgres._locale(postgres.find_binaries())) <= set(arguments)
    assert "--encoding=UTF8" in arguments


def test_every_variable_is_explained():
    text = (CHECKOUT / "docs" / "operations.md").read_text()
    assert [name for name in variables() if f"`{name}`" not in text] == []


def test_the_image_is_pinned_by_hashes_and_has_no_privileges():
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    assert any("--require-hashes" in line for line in lines)
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert not any(re.search(r"SECRET|PASSWORD|TOKEN", line) for line in lines)


def test_the_image_holds_every_app_and_nothing_else():
    kept = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")} - {"tests"}
    assert kept == packages | {"templates", "manage.py", "requirements.lock"}
