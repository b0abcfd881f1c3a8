import base64
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from aim.runtime.environment import CHECKOUT, product_environment, read_environment, write_environment


def manage(*arguments, **variables):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, CHECKOUT / "manage.py", *arguments],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_secrets_are_made_once_and_are_the_owner_s_alone(tmp_path):
    first = product_environment(tmp_path)
    assert first == product_environment(tmp_path) == read_environment(tmp_path)
    assert len(first["AIM_SECRET_KEY"]) >= 50
    assert len(base64.urlsafe_b64decode(first["AIM_MASTER_KEYS"])) == 32
    assert (tmp_path / "environment").stat().st_mode & 0o777 == 0o600
    assert first["AIM_SECRET_KEY"] != product_environment(tmp_path / "other")["AIM_SECRET_KEY"]


def test_a_folder_of_an_earlier_version_is_given_the_secrets_that_are_new(tmp_path):
    known = product_environment(tmp_path)
    write_environment(tmp_path, {name: value for name, value in known.items() if name != "AIM_MASTER_KEYS"})
    after = product_environment(tmp_path)
    assert after["AIM_SECRET_KEY"] == known["AIM_SECRET_KEY"]
    assert read_environment(tmp_path)["AIM_MASTER_KEYS"] == after["AIM_MASTER_KEYS"]


@pytest.mark.parametrize("keys", ["", "not a key", "Zm9vYmFy", "Zm9yIHN0YXRpYyBjaGVja3Mgb25seSwgMzIgYnl0ZXM=,short"])
def test_master_keys_that_are_none_stop_the_start(tmp_path, keys):
    result = manage("check", **product_environment(tmp_path) | {"AIM_MASTER_KEYS": keys})
    assert result.returncode != 0
    assert "master_keys" in result.stderr
    assert "short" not in result.stderr.replace("too_short", "")


def test_a_moved_folder_keeps_its_secrets_and_changes_its_addresses(tmp_path):
    before = product_environment(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    after = product_environment(tmp_path / "there")
    assert after["AIM_SECRET_KEY"] == before["AIM_SECRET_KEY"]
    assert after["DATABASE_URL"] != before["DATABASE_URL"]
    assert after["REDIS_URL"] != before["REDIS_URL"]
    assert urlsplit(after["DATABASE_URL"]).password == urlsplit(before["DATABASE_URL"]).password


def test_a_command_that_needs_the_product_says_how_to_start_it(tmp_path):
    result = manage("migrate", AIM_DATA=str(tmp_path))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "start it with `make up`" in result.stderr


def test_a_half_given_environment_names_what_is_missing(tmp_path):
    result = manage("migrate", DATABASE_URL="postgresql:///aim")
    assert result.returncode == 1
    assert "REDIS_URL, AIM_SECRET_KEY, AIM_MASTER_KEYS not set" in result.stderr


def test_a_command_beside_a_product_takes_the_product_s_environment(tmp_path):
    made = product_environment(tmp_path)
    result = manage("diffsettings", AIM_DATA=str(tmp_path))
    assert repr(made["AIM_SECRET_KEY"]) in result.stdout


def test_help_needs_nothing(tmp_path):
    result = manage("help", AIM_DATA=str(tmp_path))
    assert result.returncode == 0
    assert "createadmin" in result.stdout or "up" in result.stdout
