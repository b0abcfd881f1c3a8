"""Lists as files, for the pages of every list: recorded first, and told in words where it fails."""

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.services.exports import note_export
from aim import clock
from aim.console.exports import ExportsBusyError, Lines, csv_response, file_name
from aim.console.list_kinds import ListKind
from aim.console.pages import redirect_to
from aim.console.toasts import say


def export_list(
    request: HttpRequest, actor: Actor, kind: ListKind, lines_for: Callable[[Actor, QueryDict], Lines]
) -> HttpResponseBase:
    """The file of what the list shows at this address; where it cannot be had, the list again and the reason."""
    try:
        note_export(actor, kind, query=kind.query_of(request.GET))
        return csv_response(file_name(kind.name, clock.now()), lines_for(actor, request.GET))
    except ExportsBusyError as error:
        say(request, error.message, failed=True)
    except (DatabaseError, ValueError):
        say(request, _("Export failed. Try with more filters."), failed=True)
    return redirect_to(request, f"{reverse(kind.url_name)}?{request.GET.urlencode()}")
