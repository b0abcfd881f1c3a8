"""The organization's classes of data: what policies call sensitive, public or whatever the organization names."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.console.pages import redirect_to, render_page
from aim.console.toasts import say
from aim.errors import ConflictError, InvalidInputError
from aim.ids import IdKind
from verification.policy_selectors import data_class_by_id, data_classes_visible_to
from verification.services.data_classes import create_data_class, delete_data_class, update_data_class


@require_safe
@console_page(Permission.POLICIES_READ)
def data_class_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    context = {
        "data_classes": data_classes_visible_to(actor).order_by("name"),
        "may_write": actor.may(Permission.POLICIES_WRITE),
    }
    return render_page(request, "verification/data_class_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_WRITE)
def data_class_edit(request: HttpRequest, actor: Actor, data_class_id: str = "") -> HttpResponse:
    """A new class, or patterns and description of one that is there."""
    found = data_class_by_id(actor, path_id(IdKind.DATA_CLASS, data_class_id)) if data_class_id else None
    values: dict[str, Any] = {
        "name": found.name if found else "",
        "patterns": "\n".join(found.patterns) if found else "",
        "description": found.description if found else "",
    }
    problems: dict[str, list[str]] = {}
    if request.method == "POST":
        values |= {name: request.POST.get(name, "") for name in ("patterns", "description")}
        values["name"] = found.name if found else request.POST.get("name", "").strip()
        given = {
            "patterns": [line.strip() for line in values["patterns"].splitlines() if line.strip()],
            "description": values["description"].strip(),
        }
        try:
            if found is None:
                create_data_class(actor, name=values["name"], **given)
            else:
                update_data_class(actor, found.id, changes=given)
        except (InvalidInputError, ConflictError) as error:
            for problem in error.problems:
                problems.setdefault(problem.field.partition("[")[0], []).append(problem.message)
            if not error.problems:
                problems["patterns"] = [error.message]
        else:
            say(request, _("Saved. It is in force for the next decision."))
            return redirect_to(request, "verification:data-class-list")
    context = {"found": found, "values": values, "problems": problems}
    status = 422 if problems else 200
    template = "verification/data_class_edit.html"
    return render_page(request, template, context, fragments={"dialog": "dialog"}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@console_page(Permission.POLICIES_WRITE)
def data_class_delete(request: HttpRequest, actor: Actor, data_class_id: str) -> HttpResponse:
    found = data_class_by_id(actor, path_id(IdKind.DATA_CLASS, data_class_id))
    refusal = ""
    if request.method == "POST":
        try:
            delete_data_class(actor, found.id)
        except ConflictError as error:
            refusal = error.message
        else:
            say(request, _("The data class is deleted."))
            return redirect_to(request, "verification:data-class-list")
    context = {"found": found, "refusal": refusal}
    template, status = "verification/data_class_delete.html", 422 if refusal else 200
    return render_page(request, template, context, fragments={"dialog": "dialog"}, status=status)
