import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection


def test_the_database_is_a_real_postgresql_that_sorts_by_byte():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
        version, encoding = cursor.fetchone()
        assert version >= 150000
        assert encoding == "UTF8"
        cursor.execute("SELECT string_agg(v, '' ORDER BY v), upper('ä') FROM (VALUES ('a'), ('B'), ('_')) AS t(v)")
        assert cursor.fetchone() == ("B_a", "Ä")


def test_the_application_s_role_is_no_superuser():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def test_valkey_is_real_and_belongs_to_this_worker():
    with redis.Redis.from_url(str(settings.CACHES["default"]["LOCATION"])) as client:
        assert client.info("server")["redis_version"]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        cache.set("runtime-test", "here")
        assert any(key.endswith(b"runtime-test") for key in client.keys("*"))
