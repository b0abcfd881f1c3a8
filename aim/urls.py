"""Every address of the product. A room brings its own; here they are only put together."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from aim import health
from aim.api.docs import ApiDocsView
from aim.pages.design import design
from aim.pages.find import find
from aim.pages.home import home
from aim.pages.offline import service_worker
from aim.pages.preferences import preferences
from aim.pages.signed_in import signed_in

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", home, name="home"),
    path("service-worker.js", service_worker, name="service-worker"),
    path("dashboard/signed-in", signed_in, name="signed-in"),
    path("dashboard/find", find, name="find"),
    path("dashboard/preferences", preferences, name="preferences"),
    path("dashboard/_design", design, name="design"),
    path("", include("accounts.urls")),
    path("", include("accounts.sso.urls")),
    path("", include("agents.urls")),
    path("", include("mcp.urls")),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("agents.api.urls")),
    path("api/v1/", include("mcp.api.urls")),
    path("api/v1/", include("verification.api.urls")),
    path("", include("verification.urls")),
    path("api/v1/", include("security.api.urls")),
    path("", include("security.urls")),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs", ApiDocsView.as_view(), name="docs"),
]

handler400 = "aim.api.problems.bad_request"
handler403 = "aim.api.problems.permission_denied"
handler404 = "aim.api.problems.not_found"
handler500 = "aim.api.problems.server_error"
