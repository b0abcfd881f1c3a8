"""A form in steps: which one to show, how each stands in the list of steps, and which mistakes are said already.

Every request carries all fields and all steps are in the page, so that nothing is kept on the server between them. The
form posts `go` (`next`, `back`, `submit`, or the step to go to), `step` (where it is) and `reached` (the furthest).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.functional import Promise

from aim.console.pages import render_page
from aim.errors import Problem

NEXT, BACK, SUBMIT = "next", "back", "submit"
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class FormStep:
    name: str
    label: Promise
    fields: tuple[str, ...]


class StepForm(forms.Form):
    """One form whose fields are divided among `steps`. The last step holds none: it shows what will be sent off."""

    steps: ClassVar[tuple[FormStep, ...]]

    @classmethod
    def step_names(cls) -> list[str]:
        return [step.name for step in cls.steps]

    def field_of(self, path: str) -> str:
        """The field of this form that shows what a service calls `path` (without the indices of its lists)."""
        return path

    def take(self, problems: Iterable[Problem]) -> None:
        """Put each problem that a service names at the field that it is about."""
        for problem in problems:
            field = self.field_of(_INDEX.sub("", problem.field))
            if field not in self.fields:
                self.add_error(None, problem.message)
            elif problem.message not in self.errors.get(field, []):
                self.add_error(field, problem.message)

    def failed_steps(self) -> set[str]:
        return {step.name for step in self.steps if any(field in self.errors for field in step.fields)}

    def first_failed(self) -> str:
        """The first step with a mistake; the last one where the mistake is nobody's field."""
        failed = self.failed_steps()
        return next((name for name in self.step_names() if name in failed), self.step_names()[-1])

    def value(self, field: str) -> Any:
        """What the field holds at the moment, valid or not."""
        return self[field].value()

    def forget_errors_of(self, names: Iterable[str]) -> None:
        """What nobody has seen yet is not wrong yet."""
        unseen = set(names)
        for step in self.steps:
            if step.name in unseen:
                for field in step.fields:
                    self.errors.pop(field, None)


def wanted_step(data: QueryDict, form: StepForm) -> str | None:
    """The step to show; None where everything is filled in and was sent off."""
    valid, names, go = form.is_valid(), form.step_names(), data.get("go", "")
    at = _known(data.get("step"), names)
    if go == NEXT:
        # Forward only past what is right; back and sideways at any time.
        return at if at in form.failed_steps() else names[min(names.index(at) + 1, len(names) - 1)]
    if go == BACK:
        return names[max(names.index(at) - 1, 0)]
    if go in names:
        return go
    return None if valid else form.first_failed()


def render_wizard(
    request: HttpRequest,
    template: str,
    form: StepForm,
    *,
    step: str,
    summaries: Mapping[str, str],
    context: Mapping[str, Any],
    fragment: str,
) -> HttpResponse:
    """The wizard at a step. `summaries` are the few words beside each step's label; 422 where it was sent off in vain.

    The template draws the partials `dialog` and `wizard`; `fragment` is the one that the form itself aims at.
    """
    names = form.step_names()
    sent = request.POST.get("go", SUBMIT) not in {*names, NEXT, BACK}
    failed = form.failed_steps() if form.is_bound else set()
    at = names.index(step)
    seen = max(at, names.index(_known(request.POST.get("reached"), names))) if form.is_bound else at
    if form.is_bound and not sent:
        form.forget_errors_of(names[seen:] if step not in failed else names[seen + 1 :])
    state = {
        "form": form,
        "step": step,
        "reached": names[seen],
        "number": at + 1,
        "total": len(names),
        "steps": [
            {
                "name": item.name,
                "label": item.label,
                "summary": summaries.get(item.name, ""),
                "current": item.name == step,
                "failed": item.name in failed and (sent or place < seen),
                "done": place < seen and item.name not in failed,
            }
            for place, item in enumerate(form.steps)
        ],
    }
    status = 422 if sent and form.is_bound and form.errors else 200
    parts = {"dialog": "dialog", fragment: "wizard"}
    return render_page(request, template, {**context, **state}, fragments=parts, status=status)


def _known(name: str | None, names: list[str]) -> str:
    return name if name in names else names[0]
