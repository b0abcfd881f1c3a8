"""What the worker does for MCP servers. Each task finds by itself what is due, and is harmless when it runs twice."""

from functools import partial
from uuid import UUID

from celery import shared_task

from aim.rounds import Crew
from mcp.models import VerificationRun, VerificationStatus
from mcp.services import expiry, runs
from mcp.services.health import HEALTH_ROUNDS, prune_samples
from mcp.services.rollover import end_rollovers, remind_of_rollovers
from mcp.services.schedule import VERIFICATION_ROUNDS

# Servers that hang keep no task of anything else waiting: runs have threads of their own. And those that nobody has
# verified yet, or that failed last time, keep no server waiting that is known to answer.
_SIZES = {VerificationStatus.VERIFIED: 6, VerificationStatus.UNVERIFIED: 6, VerificationStatus.FAILED: 4}
RUNS = {
    lane: Crew(f"runs-{lane}", size=size, work=runs.perform_run, following=partial(runs.next_waiting, lane))
    for lane, size in _SIZES.items()
}


@shared_task
def perform_run(run_id: str) -> bool:
    """Carry out one run beside the tasks, unless somebody has; False where all are busy: who is through finds it."""
    held = UUID(hex=run_id)
    lane = VerificationRun.objects.filter(id=held).values_list("server__verification", flat=True).first()
    return lane is not None and RUNS[VerificationStatus(lane)].begin(held)


@shared_task
def tend_runs() -> tuple[int, int]:
    """Give up lost runs and begin forgotten ones; answers how many of each."""
    return runs.tend_runs()


@shared_task
def move_rollovers() -> tuple[int, int]:
    """Retire old keys at the end of their rollover and remind of those to come; answers how many of each."""
    return end_rollovers(), remind_of_rollovers()


@shared_task
def check_servers_health() -> bool:
    """See to the health checks that are due, beside the tasks; False where this process is at it already."""
    return HEALTH_ROUNDS.wake()


@shared_task
def verify_due_servers() -> bool:
    """See to the verifications that are due, beside the tasks; False where this process is at it already."""
    return VERIFICATION_ROUNDS.wake()


@shared_task
def tend_certificates() -> int:
    """Give the alerts of certificates that are about to expire or have; answers how many."""
    return expiry.tend_certificates()


@shared_task
def prune_health() -> int:
    """Delete old single health checks; answers how many."""
    return prune_samples()
