"""Lists as people want to see them again: views under a name, the one to begin with, and the columns."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import ListPreference, Membership, SavedView
from accounts.permissions import Permission
from aim.console.list_kinds import ListKind, list_kind
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event

MOST = 50
"""So many views of one list may one person keep."""
_LONGEST_NAME = 80


@transaction.atomic
def save_view(
    actor: Actor, kind: ListKind, *, name: str, query: str, columns: Sequence[str], shared: bool
) -> SavedView:
    """A new view of the actor's. `query` is as `ListKind.query_of` writes it. Raises `InvalidInputError`."""
    owner = _membership(actor, kind)
    if shared:
        actor.require(Permission.VIEWS_SHARE)
    name = _valid_name(name)
    if SavedView.objects.filter(owner=owner, list_name=kind.name).count() >= MOST:
        raise _invalid(
            "too_many",
            ngettext(
                "You have %(most)s view of this list. Remove one first.",
                "You have %(most)s views of this list. Remove one first.",
                MOST,
            )
            % {"most": MOST},
        )
    view = SavedView(
        organization_id=actor.scope, owner=owner, list_name=kind.name, name=name, query=query, shared=shared
    )
    view.columns = kind.known_columns(columns)
    _store(view)
    _record(actor, Event.VIEW_SAVED, view, {"shared": shared})
    return view


@transaction.atomic
def change_view(actor: Actor, view_id: UUID, *, name: str, shared: bool) -> SavedView:
    """Call it otherwise, share it, or keep it to oneself again. Raises `NotFoundError`, `InvalidInputError`."""
    view = _locked(actor, view_id)
    if shared and not view.shared:
        actor.require(Permission.VIEWS_SHARE)
    if view.owner_id is None and not shared:
        raise _invalid("no_owner", _("The person whose view this was has left: it stays shared, or goes."))
    name = _valid_name(name)
    if (view.name, view.shared) == (name, shared):
        return view
    before = {"name": view.name}
    view.name, view.shared = name, shared
    _store(view)
    _record(actor, Event.VIEW_CHANGED, view, {"shared": shared}, before)
    return view


@transaction.atomic
def replace_view(actor: Actor, view_id: UUID, *, query: str, columns: Sequence[str]) -> SavedView:
    """Let the view show what the list shows now. Raises `NotFoundError`."""
    view = _locked(actor, view_id)
    kind = list_kind(view.list_name)
    if kind is None:
        raise NotFoundError
    before = {"query": view.query}
    view.query, view.columns = query, kind.known_columns(columns)
    _store(view)
    _record(actor, Event.VIEW_CHANGED, view, {"shared": view.shared}, before)
    return view


@transaction.atomic
def remove_view(actor: Actor, view_id: UUID) -> SavedView:
    """For everybody, where it was shared. Raises `NotFoundError`."""
    view = _locked(actor, view_id)
    _record(actor, Event.VIEW_REMOVED, view, {"shared": view.shared})
    SavedView.objects.filter(id=view.id).delete()
    return view


@transaction.atomic
def begin_with(actor: Actor, kind: ListKind, view_id: UUID | None) -> None:
    """Which view the list opens with for the actor; None is all rows. Like a theme, it is no entry of the ledger."""
    owner = _membership(actor, kind)
    view = None
    if view_id is not None:
        mine = Q(owner=owner) | Q(shared=True)
        view = SavedView.objects.filter(mine, organization_id=actor.scope, list_name=kind.name, id=view_id).first()
        if view is None:
            raise NotFoundError
    ListPreference.objects.update_or_create(membership=owner, list_name=kind.name, defaults={"default_view": view})


@transaction.atomic
def choose_columns(actor: Actor, kind: ListKind, names: Sequence[str]) -> None:
    """Which columns the actor sees; the usual ones are not kept, so that a new one of them appears by itself."""
    owner = _membership(actor, kind)
    chosen: list[str] | None = kind.known_columns(names)
    if chosen == kind.usual_columns:
        chosen = None
    ListPreference.objects.update_or_create(membership=owner, list_name=kind.name, defaults={"columns": chosen})


def _membership(actor: Actor, kind: ListKind) -> Membership:
    actor.require(Permission.VIEWS_OWN)
    actor.require(Permission(kind.permission))
    membership = Membership.objects.filter(organization_id=actor.scope, user_id=actor.self_id).first()
    if membership is None:
        raise NotFoundError
    return membership


def _locked(actor: Actor, view_id: UUID) -> SavedView:
    """One that the actor may change: their own, and a shared one for who changes the organization's settings."""
    actor.require(Permission.VIEWS_OWN)
    mine = Q(owner__user_id=actor.self_id)
    if actor.may(Permission.ORGANIZATION_WRITE):
        mine |= Q(shared=True)
    rows = SavedView.objects.select_for_update(of=("self",)).filter(mine, organization_id=actor.scope, id=view_id)
    view = rows.first()
    if view is None:
        raise NotFoundError
    return view


def _store(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise _invalid("taken", _("You have a view of this name already.")) from None


def _valid_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not name:
        raise _invalid("required", _("Give the view a name."))
    if len(name) > _LONGEST_NAME:
        raise _invalid(
            "too_long",
            ngettext("At most %(most)s character.", "At most %(most)s characters.", _LONGEST_NAME)
            % {"most": _LONGEST_NAME},
        )
    return name


def _invalid(code: str, message: str) -> InvalidInputError:
    return InvalidInputError((Problem("name", code, message),))


def _record(
    actor: Actor, event: Event, view: SavedView, data: Mapping[str, object], before: Mapping[str, object] | None = None
) -> None:
    """Names and filters may hold anything a person typed, so that they can be erased."""
    personal: dict[str, object] = {"name": view.name, "query": view.query}
    if before:
        personal["before"] = dict(before)
    record(
        actor,
        event,
        organization_id=view.organization_id,
        subject=view,
        data={"list": view.list_name, "columns": view.columns, **data},
        personal=personal,
    )
