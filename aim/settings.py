"""Django's settings, all of them derived from `aim.environment`; there is no second settings file in production."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF

from aim.environment import environment
from aim.identity_providers import identity_providers
from aim.mail.server import mail_server

BASE_DIR = Path(__file__).resolve().parent.parent


def database_from_url(url: str) -> dict[str, object]:
    """`postgresql://user:password@host:port/name?host=/socket/dir`, the form libpq itself takes."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "") or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 2,
            "application_name": "aim",
            "options": "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s",
            **query,
        },
    }


def broker_url(url: str) -> str:
    """Celery's name for a Unix socket: `redis+socket:///path?virtual_host=1` instead of `unix:///path?db=1`."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host={dict(parse_qsl(parts.query)).get('db', '0')}"


SECRET_KEY = environment.secret_key.get_secret_value()
DEBUG = False
ALLOWED_HOSTS = environment.allowed_hosts
ORIGIN = environment.origin.rstrip("/")
CSRF_TRUSTED_ORIGINS = [ORIGIN]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.microsoft",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "django_htmx",
    "lucide",
    # Their other configurations set the loaders themselves, and one of the two would lose.
    "django_cotton.apps.SimpleAppConfig",
    "template_partials.apps.SimpleAppConfig",
    "aim.apps.AimConfig",
    "aim.ledger.apps.LedgerConfig",
    "aim.mail.apps.MailConfig",
    "aim.reports.apps.ReportsConfig",
    "accounts.apps.AccountsConfig",
    "agents.apps.AgentsConfig",
    "mcp.apps.McpConfig",
    "verification.apps.VerificationConfig",
    "security.apps.SecurityConfig",
    "compliance.apps.ComplianceConfig",
]

MIDDLEWARE = [
    "aim.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "aim.urls"
ASGI_APPLICATION = "aim.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "aim.console.context.console",
                "accounts.shell.shell",
            ],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
                "aim.templatetags.console",
            ],
        },
    }
]
COTTON_DIR = "components"
# A component sees what it is given, and what every template may use.
COTTON_ISOLATE_BY_DEFAULT = True

DATABASES = {"default": database_from_url(environment.database_url.get_secret_value())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": environment.redis_url.get_secret_value(),
        "KEY_PREFIX": "aim",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3600

# allauth talks to the providers and knows the second factors. Sessions, and who may sign in, are ours.
SOCIALACCOUNT_PROVIDERS = identity_providers(environment)
SOCIALACCOUNT_ADAPTER = "accounts.sso.adapter.IdentityAdapter"
SOCIALACCOUNT_QUERY_EMAIL = True
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(ORIGIN).scheme
MFA_ADAPTER = "accounts.second_factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_RECOVERY_CODE_DIGITS = 10
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"

DEFAULT_FROM_EMAIL = environment.email_from
_MAIL = mail_server(environment.email_url.get_secret_value() if environment.email_url else "")
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.tls == "starttls", _MAIL.tls == "tls"
EMAIL_TIMEOUT = 10

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = environment.static_folder
STATICFILES_DIRS = [BASE_DIR / "aim" / "static"]
# Without a folder of collected files, they are served from where they are.
WHITENOISE_USE_FINDERS = environment.static_folder is None
WHITENOISE_AUTOREFRESH = False

# Cookies and transport. Over plain HTTP only the loopback interface may be served; `aim.checks` refuses the rest.
SECURE_TRANSPORT = ORIGIN.startswith("https://")
SESSION_COOKIE_SECURE = SECURE_TRANSPORT
CSRF_COOKIE_SECURE = SECURE_TRANSPORT
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# The longest an organization may allow; each session ends by its own organization's setting.
SESSION_COOKIE_AGE = 168 * 3600
SECURE_SSL_REDIRECT = SECURE_TRANSPORT
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_TRANSPORT else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if environment.trusted_proxies else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "agents.api.authentication.AgentKeyAuthentication",
        "accounts.api.authentication.PersonalTokenAuthentication",
        "accounts.api.authentication.ConsoleSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasPermission"],
    "DEFAULT_PARSER_CLASSES": ["aim.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "aim.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["aim.api.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "aim.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "aim.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AIM API",
    "DESCRIPTION": "Agent Identity Management: register agents, prove their keys, ask before each action.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AccessScopeKind": "agents.configuration.ACCESS_SCOPES",
        "AgentStatus": "agents.models.AgentStatus",
        "ApprovalMode": "verification.approvals.models.ApprovalVote.Mode",
        "ApprovalStatus": "verification.approvals.models.Approval.Status",
        "CallerKind": ["person", "agent"],
        "CompletionStatus": "verification.models.Completion.Status",
        "InvitationStatus": ["open", "accepted", "revoked", "expired"],
        "ContainmentKind": "verification.models.Containment.Kind",
        "McpServerStatus": "mcp.models.ServerStatus",
        "PolicyEffect": "verification.policies.terms.EFFECTS",
        "PolicyExpectation": "verification.policies.document.EXPECTATIONS",
        "PolicyState": "verification.models.PolicyVersion.State",
        "RoleName": "accounts.models.Role",
        "VerificationStatus": "verification.models.Verification.Status",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True, "validatorUrl": None},
}

CELERY_BROKER_URL = broker_url(environment.redis_url.get_secret_value())
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "aim"

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [environment.redis_url.get_secret_value()], "prefix": "aim"},
    }
}

LOGGING_CONFIG = "aim.logs.configure_logging"
LOGGING = {"level": environment.log_level}

APPROVAL_SECONDS = environment.approval_seconds
PENDING_SECONDS = environment.pending_seconds
QUEUE_PER_AGENT = environment.queue_per_agent
QUEUE_TOTAL = environment.queue_total
WRITER_CONNECTIONS = environment.writer_connections
TRUSTED_PROXIES = environment.trusted_proxies
METRICS_TOKEN = environment.metrics_token
OUTBOUND_ALLOW = environment.outbound_allow
