"""The product's own settings with a fast password hasher and a Valkey database for each worker."""

import os

# `tests.services` has named real servers by now; a type checker reads the settings without any.
os.environ.setdefault("DATABASE_URL", "postgresql://nobody@/nowhere?host=/nonexistent")
os.environ.setdefault("REDIS_URL", "unix:///nonexistent")
os.environ.setdefault("AIM_SECRET_KEY", "for static checks only")
os.environ.setdefault("AIM_MASTER_KEYS", "Zm9yIHN0YXRpYyBjaGVja3Mgb25seSwgMzIgYnl0ZXM=")

from aim.settings import *  # noqa: F403
from aim.settings import CACHES, CHANNEL_LAYERS, broker_url

_WORKER = os.environ.get("AIM_TEST_VALKEY_DATABASE", "0")
_VALKEY = os.environ["REDIS_URL"].partition("?")[0]
if _VALKEY.startswith("unix:"):
    _VALKEY += f"?db={_WORKER}"
else:
    scheme, _, rest = _VALKEY.partition("://")
    _VALKEY = f"{scheme}://{rest.partition('/')[0]}/{_WORKER}"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {**CACHES["default"], "LOCATION": _VALKEY}}
CELERY_BROKER_URL = broker_url(_VALKEY)
# Published messages reach every database number; the prefix keeps the workers apart.
CHANNEL_LAYERS = {
    "default": {**CHANNEL_LAYERS["default"], "CONFIG": {"hosts": [_VALKEY], "prefix": f"aim-{_WORKER}"}},
}
