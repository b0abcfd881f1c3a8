"""A form in steps, apart from what any form asks: where one gets by each button, and what is said to be wrong when."""

import pytest
from django import forms
from django.http import QueryDict

from aim.console.wizard import FormStep, StepForm, wanted_step
from aim.errors import Problem


class Order(StepForm):
    steps = (
        FormStep("what", "What", ("name", "count")),
        FormStep("where", "Where", ("city",)),
        FormStep("review", "Review", ()),
    )
    name = forms.CharField()
    count = forms.IntegerField()
    city = forms.CharField()

    def field_of(self, path):
        return {"address.city": "city"}.get(path, path)


RIGHT = {"name": "x", "count": "1", "city": "Bern"}


def order(**values) -> tuple[QueryDict, Order]:
    data = QueryDict(mutable=True)
    data.update(values)
    return data, Order(data)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({**RIGHT, "step": "what", "go": "next"}, "where"),
        ({**RIGHT, "count": "many", "step": "what", "go": "next"}, "what"),
        ({"name": "x", "count": "1", "step": "what", "go": "next"}, "where"),
        ({**RIGHT, "step": "review", "go": "next"}, "review"),
        ({"step": "where", "go": "back"}, "what"),
        ({"step": "what", "go": "back"}, "what"),
        ({"step": "what", "go": "review"}, "review"),
        ({**RIGHT, "step": "<script>", "go": "next"}, "where"),
        ({**RIGHT, "step": "review", "go": "submit"}, None),
        ({**RIGHT, "step": "review", "go": "<script>"}, None),
        ({**RIGHT, "city": "", "step": "review", "go": "submit"}, "where"),
        ({"step": "review"}, "what"),
    ],
)
def test_each_button_leads_to_its_step(values, step):
    assert wanted_step(*order(**values)) == step


def test_what_a_service_refuses_stands_at_its_field_once_and_else_at_the_form():
    _data, form = order(**RIGHT)
    assert form.is_valid()
    assert form.first_failed() == "review"
    wrong = Problem("address[3].city", "unknown", "There is no such city.")
    form.take([wrong, wrong, Problem("elsewhere", "unknown", "Something else is wrong.")])
    assert form.errors == {"city": ["There is no such city."], "__all__": ["Something else is wrong."]}
    assert form.failed_steps() == {"where"}
    assert form.first_failed() == "where"


def test_what_nobody_has_seen_is_not_wrong_yet():
    _data, form = order(name="", count="many")
    assert form.failed_steps() == {"what", "where"}
    form.forget_errors_of(["where", "review"])
    assert set(form.errors) == {"name", "count"}
