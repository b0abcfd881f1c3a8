"""Work that leaves a trace: each run adds the worker's process id to a list named by the task."""

import os
import time

import redis
from celery import shared_task

NAME = "tests.topology.trace"


@shared_task(name=NAME)
def trace(key):
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.rpush(key, os.getppid())
    time.sleep(0.05)
