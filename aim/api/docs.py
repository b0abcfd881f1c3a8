"""The browsable documentation of the API, from files of our own origin only."""

from csp.constants import NONCE, SELF
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularRedocView


# Redoc writes style elements while it runs; nothing else on the site may.
@method_decorator(
    csp_update(
        {
            "style-src": [SELF, "'unsafe-inline'"],
            "script-src": [SELF, NONCE],
            "worker-src": ["blob:"],
            "img-src": [SELF, "data:"],
        }
    ),
    name="dispatch",
)
class ApiDocsView(SpectacularRedocView):
    """`GET /api/v1/docs`."""

    url_name = "schema"
    template_name = "api/docs.html"
