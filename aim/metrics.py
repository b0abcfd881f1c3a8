"""What Prometheus may ask: how many decisions, how long they took, how the writer fares. No label names a person."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

DECISIONS = Counter("aim_decisions_total", "Decisions answered, by status and code", ["status", "code"])
DECISION_SECONDS = Histogram("aim_decision_seconds", "From arrival to answer, commit included", buckets=_LATENCY)
REFUSALS = Counter("aim_refusals_total", "Requests answered without a decision, by code", ["code"])
BATCH_SIZE = Histogram("aim_writer_batch_size", "Decisions a transaction", buckets=(1, 2, 4, 8, 16, 32, 64))
BATCHES = Counter("aim_writer_batches_total", "Batches by the way they were recorded", ["way"])
QUEUE = Gauge("aim_writer_queue", "Decisions waiting to be recorded", multiprocess_mode="livesum")
