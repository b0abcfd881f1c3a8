"""Keeps how a person wants the console to look. Also for people without a script, and on the pages before sign-in."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from aim.console.preferences import KINDS, keep_preference


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    asked = {name: request.POST[name] for name in KINDS if name in request.POST}
    referer = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()})
    response = redirect(referer if ours else "home")
    try:
        for name, value in asked.items():
            keep_preference(response, name, value)
    except ValueError:
        return HttpResponseBadRequest()
    return response
