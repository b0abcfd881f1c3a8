"""What needs somebody: each app registers what it knows of, and the overview shows it as one queue."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.functional import Promise

from aim.console.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Need:
    """One thing, or several of a kind: `count` of them behind one address. The most urgent has the lowest `order`."""

    title: Promise | str
    text: Promise | str
    url: str
    action: Promise | str
    icon: str
    tone: str = "pending"
    count: int = 1
    order: int = 50


Source = Callable[[Viewer], Iterator[Need]]
_sources: list[Source] = []


def need_source(source: Source) -> Source:
    """Register a source; it looks with a fixed number of quick queries."""
    _sources.append(source)
    return source


def needs_of(viewer: Viewer) -> list[Need]:
    """Everything that needs this person, the most urgent first."""
    return sorted((need for source in _sources for need in source(viewer)), key=lambda need: need.order)


@dataclass(frozen=True, slots=True)
class StartStep:
    """A step of getting started, ticked by a fact."""

    order: int
    label: Promise | str
    url: str
    done: bool


StepSource = Callable[[Viewer], StartStep | None]
_steps: list[StepSource] = []


def start_step(source: StepSource) -> StepSource:
    _steps.append(source)
    return source


def start_steps_of(viewer: Viewer) -> list[StartStep]:
    """The checklist as it stands: only steps that this person can take."""
    found = [step for source in _steps if (step := source(viewer)) is not None]
    return sorted(found, key=lambda step: step.order)
