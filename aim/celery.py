"""The Celery application: `python -m celery -A aim worker`, `python -m celery -A aim beat`."""

import os

from celery import Celery

from aim.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")

app = Celery("aim")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()
