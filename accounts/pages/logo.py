"""The organization's picture, for its own people."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from accounts.selectors import logo_of
from aim.errors import NotFoundError


@require_safe
@console_page(Permission.ORGANIZATION_READ)
def logo_page(_request: HttpRequest, actor: Actor, digest: str) -> HttpResponse:
    logo = logo_of(actor)
    if logo is None or logo.digest != digest:
        raise NotFoundError
    return HttpResponse(
        bytes(logo.content), content_type="image/png", headers={"Content-Security-Policy": "default-src 'none'"}
    )
