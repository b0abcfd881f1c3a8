"""What people change about lists: their saved views and their columns. Every list is served by the same pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.lists import ListState, list_state, view_id_of, views_visible_to
from accounts.permissions import Permission
from accounts.services.saved_views import (
    begin_with,
    change_view,
    choose_columns,
    remove_view,
    replace_view,
    save_view,
)
from accounts.settings_forms import ViewForm
from aim.api.path_ids import path_id
from aim.console.list_kinds import ListKind, list_kind
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import InvalidInputError, NotFoundError
from aim.ids import IdKind

_TEMPLATES = {"new": "accounts/view_new.html", "manage": "accounts/views_manage.html"}


@require_http_methods(["GET", "POST"])
@console_page(Permission.VIEWS_OWN)
def view_new(request: HttpRequest, actor: Actor, list_name: str) -> HttpResponse:
    """Keep what the list shows, whose address this page has behind its own."""
    kind = _kind(list_name)
    state = list_state(request, actor, kind)
    form = ViewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            view = save_view(
                actor,
                kind,
                name=form.cleaned_data["name"],
                query=kind.query_of(request.GET),
                columns=state.columns,
                shared=form.cleaned_data["shared"],
            )
            if form.cleaned_data["default"]:
                begin_with(actor, kind, view.id)
        except InvalidInputError as error:
            form.add_error("name", error.message)
        except ValueError:
            form.add_error(None, _("These filters are too many to be kept."))
        else:
            say(request, _("The view %(name)s is saved.") % {"name": view.name})
            return redirect_to(request, _address_of(list_state(request, actor, kind), view.public_id))
    if not actor.may(Permission.VIEWS_SHARE):
        form.fields["shared"].disabled = True
    context = {"kind": kind, "form": form, "back": f"{reverse(kind.url_name)}?{request.GET.urlencode()}"}
    status = 422 if form.errors else 200
    return render_page(request, _TEMPLATES["new"], context, fragments={"dialog": "dialog"}, status=status)


@require_safe
@console_page(Permission.VIEWS_OWN)
def views_manage(request: HttpRequest, actor: Actor, list_name: str) -> HttpResponse:
    return _manage(request, actor, _kind(list_name))


@require_POST
@console_page(Permission.VIEWS_OWN)
def view_change(request: HttpRequest, actor: Actor, list_name: str, view_id: str) -> HttpResponse:
    """Its name, and whether it is shared."""
    kind = _kind(list_name)
    identifier = path_id(IdKind.SAVED_VIEW, view_id)
    if not views_visible_to(actor, kind).filter(id=identifier).exists():
        raise NotFoundError
    form = ViewForm(request.POST)
    if not form.is_valid():
        return _manage(request, actor, kind, problem=_("Give the view a name of at most 80 characters."))
    said = form.cleaned_data
    try:
        change_view(actor, identifier, name=said["name"], shared=said["shared"])
    except InvalidInputError as error:
        return _manage(request, actor, kind, problem=error.message)
    return _manage(request, actor, kind)


@require_POST
@console_page(Permission.VIEWS_OWN)
def view_replace(request: HttpRequest, actor: Actor, list_name: str, view_id: str) -> HttpResponse:
    """Let the view show what the list shows now."""
    kind = _kind(list_name)
    state = list_state(request, actor, kind)
    try:
        query = kind.query_of(request.GET)
    except ValueError:
        say(request, _("These filters are too many to be kept."), failed=True)
        return redirect_to(request, f"{reverse(kind.url_name)}?{request.GET.urlencode()}")
    view = replace_view(actor, path_id(IdKind.SAVED_VIEW, view_id), query=query, columns=state.columns)
    say(request, _("The view %(name)s is saved.") % {"name": view.name})
    return redirect_to(request, _address_of(list_state(request, actor, kind), view.public_id))


@require_POST
@console_page(Permission.VIEWS_OWN)
def view_remove(request: HttpRequest, actor: Actor, list_name: str, view_id: str) -> HttpResponse:
    kind = _kind(list_name)
    remove_view(actor, path_id(IdKind.SAVED_VIEW, view_id))
    return _manage(request, actor, kind)


@require_POST
@console_page(Permission.VIEWS_OWN)
def view_default(request: HttpRequest, actor: Actor, list_name: str) -> HttpResponse:
    """Which view the list begins with; none for an empty `view`."""
    kind = _kind(list_name)
    asked = request.POST.get("view", "")
    view_id = view_id_of(asked)
    if asked and view_id is None:
        raise NotFoundError
    begin_with(actor, kind, view_id)
    return _manage(request, actor, kind)


@require_POST
@console_page(Permission.VIEWS_OWN)
def columns_choose(request: HttpRequest, actor: Actor, list_name: str) -> HttpResponse:
    """Keep the columns, and lead back to the list, which then draws them. A redirect leads htmx there as well."""
    kind = _kind(list_name)
    names = request.GET.get("choose", "")
    choose_columns(actor, kind, names.split(".") if names else kind.usual_columns)
    response = HttpResponseRedirect(_back(request, kind))
    response.status_code = 303
    return response


def _manage(request: HttpRequest, actor: Actor, kind: ListKind, *, problem: str = "") -> HttpResponse:
    context = {
        "kind": kind,
        "state": list_state(request, actor, kind),
        "may_share": actor.may(Permission.VIEWS_SHARE),
        "problem": problem,
        "back": _back(request, kind),
    }
    status = 422 if problem else 200
    return render_page(request, _TEMPLATES["manage"], context, fragments={"dialog": "dialog"}, status=status)


def _kind(name: str) -> ListKind:
    kind = list_kind(name)
    if kind is None:
        raise NotFoundError
    return kind


def _address_of(state: ListState, view_id: str) -> str:
    return next(view.address for view in state.views if view.id == view_id)


def _back(request: HttpRequest, kind: ListKind) -> str:
    """The list as it was: only its own path, with any parameters but those columns that were left."""
    home = reverse(kind.url_name)
    path, _mark, query = (request.POST.get("back") or request.GET.get("back") or "").partition("?")
    if path != home or not url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return home
    parameters = QueryDict(query, mutable=True)
    parameters.pop("columns", None)
    return f"{home}?{parameters.urlencode()}" if parameters else home
