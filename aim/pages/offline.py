"""The service worker: from the root of the site, for it keeps the last pages of the whole console."""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

_SCRIPT = Path(settings.BASE_DIR) / "aim" / "static" / "aim" / "js" / "service_worker.js"


@require_safe
def service_worker(_request: HttpRequest) -> HttpResponse:
    """Asked for by browsers only; it holds nothing that is anybody's."""
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
    return HttpResponse(_SCRIPT.read_text(encoding="utf-8"), content_type="text/javascript", headers=headers)
