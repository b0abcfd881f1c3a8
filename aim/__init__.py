import gc

# What a start loads stays loaded. At the thresholds that Python begins with, walking through it again and again as it
# grows is a seventh of the start. The processes that serve set their own when they are ready.
gc.set_threshold(50_000, 20, 100)

from aim.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
