"""The product's own settings with a fast password hasher and a Valkey database for each worker."""

import os
import socket

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

# Found when asked for: each test's client would otherwise walk through all static files before its first request.
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {**CACHES["default"], "LOCATION": _VALKEY}}
CELERY_BROKER_URL = broker_url(_VALKEY)
# Published messages reach every database number; the prefix keeps the workers apart.
CHANNEL_LAYERS = {
    "default": {**CHANNEL_LAYERS["default"], "CONFIG": {"hosts": [_VALKEY], "prefix": f"aim-{_WORKER}"}},
}

# A provider of the tests' own answers on this socket: allauth reads where Google is when it is imported.
IDENTITY_PROVIDER_SOCKET = socket.create_server(("127.0.0.1", 0))
_PROVIDER = f"http://127.0.0.1:{IDENTITY_PROVIDER_SOCKET.getsockname()[1]}"
_APP = {"client_id": "aim-tests", "secret": "a secret of the tests"}
SOCIALACCOUNT_PROVIDERS = {
    "google": {
        "APPS": [_APP],
        "SCOPE": ["openid", "profile", "email"],
        "OAUTH_PKCE_ENABLED": True,
        "AUTHORIZE_URL": f"{_PROVIDER}/oauth2/authorize",
        "ACCESS_TOKEN_URL": f"{_PROVIDER}/oauth2/token",
        "ID_TOKEN_ISSUER": _PROVIDER,
    },
    "microsoft": {
        "APPS": [
            {
                **_APP,
                "settings": {
                    "tenant": "organizations",
                    "verified_email": False,
                    "login_url": _PROVIDER,
                    "graph_url": _PROVIDER,
                },
            }
        ],
        "SCOPE": ["User.Read"],
    },
    "openid_connect": {
        "APPS": [
            {
                **_APP,
                "provider_id": "oidc",
                "name": "Example ID",
                "settings": {"server_url": _PROVIDER, "oauth_pkce_enabled": True},
            }
        ]
    },
}
