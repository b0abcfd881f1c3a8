"""What happened, said once at the lower right, with the next step in it."""

import json
from dataclasses import asdict, dataclass, field

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: a link, or with `fields` a form that posts them, such as the one that undoes what was done."""

    label: str
    url: str
    fields: dict[str, list[str]] = field(default_factory=dict)


def say(request: HttpRequest, text: str, *, failed: bool = False, step: Step | None = None) -> None:
    """The text is shown on the page that is answered next."""
    level = messages.ERROR if failed else messages.SUCCESS
    messages.add_message(request, level, text, extra_tags=json.dumps(asdict(step)) if step else "")


def step_of(message: Message) -> Step | None:
    return Step(**json.loads(message.extra_tags)) if message.extra_tags else None
