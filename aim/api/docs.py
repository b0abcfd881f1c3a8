"""The browsable documentation of the API, from files of our own origin only."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularSwaggerSplitView


# Swagger UI sets style attributes while it runs; no other page may.
@method_decorator(csp_update({"style-src": [SELF, "'unsafe-inline'"]}), name="dispatch")
class ApiDocsView(SpectacularSwaggerSplitView):
    """`GET /api/v1/docs`."""

    url_name = "schema"
    template_name = "api/docs.html"
