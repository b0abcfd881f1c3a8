"""A list as one person has it: which columns, which saved view, and what may be done with both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode

from accounts.console import console_of
from accounts.contracts import Actor
from accounts.models import ListPreference, SavedView
from accounts.permissions import Permission
from aim.console.list_kinds import Column, ListKind
from aim.ids import IdKind, InvalidIdError, parse_id

EVERYTHING = "all"
"""The value of `?view=` that means no view, where the list would begin with one."""


@dataclass(frozen=True, slots=True)
class ShownView:
    """A saved view as one person sees it. `columns` of an old view may lack some that exist today."""

    id: str
    name: str
    address: str
    shared: bool
    mine: bool
    owner: str
    may_change: bool
    current: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A column to choose; `then` is what is shown once it is pressed."""

    label: Promise | str
    shown: bool
    then: str


@dataclass(frozen=True, slots=True)
class ListState:
    """`changed` says that filters, order or columns are no longer those of the current view.

    `everything` is the address without filters, `query` what of the address counts, `columns` the names shown.
    """

    kind: ListKind
    columns: Sequence[str]
    choices: Sequence[Choice]
    views: Sequence[ShownView]
    current: ShownView | None
    changed: bool
    everything: str
    query: str
    usual: bool

    @property
    def choice_cells(self) -> list[Mapping[str, object]]:
        """The choices, for the markup in `components/columns.html`."""
        return [
            {
                "label": choice.label,
                "then": choice.then,
                "shown": choice.shown,
                "hidden": not choice.shown,
                "pressed": "true" if choice.shown else "false",
            }
            for choice in self.choices
        ]

    @property
    def own(self) -> list[ShownView]:
        return [view for view in self.views if view.mine]

    @property
    def of_others(self) -> list[ShownView]:
        return [view for view in self.views if not view.mine]


def views_visible_to(actor: Actor, kind: ListKind) -> QuerySet[SavedView]:
    """The actor's own, and those that are shared."""
    mine = Q(owner__user_id=actor.self_id) | Q(shared=True)
    return SavedView.objects.filter(mine, organization_id=actor.scope, list_name=kind.name).order_by("name", "id")


def list_state(request: HttpRequest, actor: Actor, kind: ListKind) -> ListState:
    """Two queries."""
    preference = ListPreference.objects.filter(membership=console_of(request).membership, list_name=kind.name).first()
    default = preference.default_view_id if preference else None
    asked, path = request.GET.get("view", ""), reverse(kind.url_name)
    rows = list(views_visible_to(actor, kind).select_related("owner__user"))
    views = [_shown(row, actor, path, asked=asked, default=default) for row in rows]
    current = next((view for view in views if view.current), None)
    columns = _columns(request.GET, kind, preference)
    query = _query(request.GET, kind)
    changed = False
    if current:
        saved = next(row for row in rows if row.public_id == current.id)
        changed = (saved.query, kind.known_columns(saved.columns)) != (query, columns)
    return ListState(
        kind=kind,
        columns=columns,
        choices=[_choice(kind, column, columns) for column in kind.columns if not column.fixed],
        views=views,
        current=current,
        changed=changed,
        everything=f"{path}?view={EVERYTHING}" if any(view.default for view in views) else path,
        query=query,
        usual=columns == kind.usual_columns,
    )


def opening(request: HttpRequest, state: ListState) -> HttpResponse | None:
    """Where a list that is opened without any address leads: to the view that the person begins with."""
    if request.GET or getattr(request, "htmx", None):
        return None
    default = next((view for view in state.views if view.default), None)
    return HttpResponseRedirect(default.address) if default else None


def _columns(parameters: QueryDict, kind: ListKind, preference: ListPreference | None) -> list[str]:
    """Those of the address, else the person's, else the usual ones."""
    if asked := parameters.get("columns"):
        return kind.known_columns(asked.split("."))
    if preference and preference.columns is not None:
        return kind.known_columns(preference.columns)
    return kind.usual_columns


def _query(parameters: QueryDict, kind: ListKind) -> str:
    try:
        return kind.query_of(parameters)
    except ValueError:
        return ""


def _choice(kind: ListKind, column: Column, shown: Sequence[str]) -> Choice:
    on = column.name in shown
    then = [name for name in shown if name != column.name] if on else [*shown, column.name]
    return Choice(column.label, on, ".".join(kind.known_columns(then)))


def _shown(row: SavedView, actor: Actor, path: str, *, asked: str, default: UUID | None) -> ShownView:
    mine = row.owner is not None and row.owner.user_id == actor.id
    query = f"{row.query}&" if row.query else ""
    own = {"columns": ".".join(row.columns), "view": row.public_id}
    return ShownView(
        id=row.public_id,
        name=row.name,
        address=f"{path}?{query}{urlencode(own)}",
        shared=row.shared,
        mine=mine,
        owner="" if row.owner is None else row.owner.user.name or row.owner.user.email,
        may_change=mine or (row.shared and actor.may(Permission.ORGANIZATION_WRITE)),
        current=row.public_id == asked,
        default=row.id == default,
    )


def view_id_of(text: str) -> UUID | None:
    try:
        return parse_id(IdKind.SAVED_VIEW, text)
    except InvalidIdError:
        return None
