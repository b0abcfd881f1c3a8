"""Whether a page or a part of it is asked for, and how an answer leads elsewhere. No view reads htmx's headers."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string

from aim.console.fragments import FRAGMENTS


def wanted_fragment(request: HttpRequest) -> str | None:
    """The name of the fragment that the request aims at; None where a whole page is to be answered."""
    htmx: Any = getattr(request, "htmx", None)
    if not htmx or htmx.request_type == "full" or htmx.history_restore_request:
        return None
    identifier = (htmx.target or "").partition("#")[2]
    return next((name for name, value in FRAGMENTS.items() if value == identifier), None)


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragments: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, or the part of the same template that the request aims at.

    `fragments` maps names of fragments to the `{% partialdef %}` in the template that draws them. A fragment carries
    the messages along, so that what happened is said at once.
    """
    part = (fragments or {}).get(wanted_fragment(request) or "")
    if part is None or not part:
        return render(request, template, dict(context), status=status)
    response = render(request, f"{template}#{part}", dict(context), status=status)
    response.write(render_to_string("console/toasts.html", {"as_fragment": True}, request=request))
    return response


def redirect_to(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """After a change: a redirect for a form, and for htmx the header that loads the page anew in its place."""
    url = resolve_url(to, *args, **kwargs)
    if not getattr(request, "htmx", None):
        response = HttpResponseRedirect(url)
        response.status_code = 303
        return response
    return HttpResponse(status=200, headers={"HX-Redirect": url})


def trigger(response: HttpResponse, event: str) -> HttpResponse:
    """Let the page hear an event after the answer has arrived, such as the one that closes a dialog."""
    earlier = response.headers.get("HX-Trigger")
    response["HX-Trigger"] = f"{earlier}, {event}" if earlier else event
    return response
