"""The base of every error a service raises: it carries what the API needs to answer, and nothing secret."""

from dataclasses import dataclass
from typing import ClassVar

from django.utils.translation import gettext


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request. `field` is a path such as `limits.ids[2]`, or empty for the body as a whole."""

    field: str
    code: str
    message: str


class ServiceError(Exception):
    """A refusal with an HTTP status, a stable code, one sentence, and the fields concerned."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"
    retry_after: ClassVar[int | None] = None
    """In how many seconds the same request may succeed, if waiting helps."""

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems


class NotFoundError(ServiceError):
    """The thing does not exist, or not for this caller: the two are never told apart."""

    status = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__(gettext("Not found."))


class ConflictError(ServiceError):
    status = 409
    code = "conflict"


class InvalidInputError(ServiceError):
    """The input breaks one or more rules; `problems` names every one."""

    status = 400
    code = "invalid"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems), problems=problems)
