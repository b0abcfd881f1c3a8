"""The base of every error a service raises: it carries what the API needs to answer, and nothing secret."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field; `field` is a dotted path, empty for the whole."""

    field: str
    code: str
    message: str


class ServiceError(Exception):
    """A refusal with an HTTP status, a stable code, one sentence, and the fields concerned."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"

    def __init__(self, message: str, *, problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems


class NotFoundError(ServiceError):
    """The thing does not exist, or not for this caller: the two are never told apart."""

    status = 404
    code = "not_found"

    def __init__(self, message: str = "Not found.") -> None:
        super().__init__(message)


class ConflictError(ServiceError):
    status = 409
    code = "conflict"


class InvalidInputError(ServiceError):
    """The input breaks one or more rules; `problems` names every one."""

    status = 400
    code = "invalid"

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems), problems=problems)
