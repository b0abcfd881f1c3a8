"""`python -m tests.bench.behaviour`: how well unusual requests are told from usual ones, and what it costs.

The product's own scores are compared with IsolationForest (scikit-learn) and HalfSpaceTrees (river) on the same made-up
traffic, each at the threshold that flags the same share of each agent's normal requests. Neither library is needed by
the product: `python -m venv /tmp/compare && /tmp/compare/bin/pip install scikit-learn river`, then run this with
`PYTHONPATH=/tmp/compare/lib/python3.11/site-packages`.
"""

import argparse
import math
import pickle
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import msgspec

from aim.resources.resource import normalize_resource
from tests.bench.traces import ATTACKS, KINDS, Kind, Request, trace
from verification.behaviour.learning import take_in
from verification.behaviour.live import AnomalyRules, Behaviour
from verification.behaviour.profile import Profile
from verification.behaviour.traits import hour_of_week, traits_of

THRESHOLD = 80
_FIRST_SEED = 100
"""The points of the score were chosen while looking at seeds below; what is published comes from others."""


class Detector(ABC):
    """Learns from normal weeks, then scores one request after the other."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.scored = 0

    def run(self, training: list[Request], trial: list[Request]) -> list[float]:
        self.train(training)
        scores = []
        for request in trial:
            # This thread's own time: a busy machine must not count.
            started = time.thread_time()
            scores.append(self.score(request))
            self.seconds += time.thread_time() - started
            self.scored += 1
        return scores

    @abstractmethod
    def train(self, training: list[Request]) -> None: ...
    @abstractmethod
    def score(self, request: Request) -> float: ...
    @abstractmethod
    def size(self) -> int: ...


class Ours(Detector):
    """The product's: learns from what it would have approved."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviour = Behaviour(AnomalyRules("UTC", THRESHOLD, "deny"), Profile())

    def train(self, training: list[Request]) -> None:
        for request in training:
            self.learn(request)

    def score(self, request: Request) -> float:
        found = self.behaviour.judge(self.traits(request), request.at)
        if found.score < THRESHOLD:
            self.learn(request)
        return sum(part.points for part in found.parts)

    def traits(self, request: Request) -> Any:
        place = normalize_resource(request.resource)
        return traits_of(request.action, None, place, request.destination or None, request.volume)

    def learn(self, request: Request) -> None:
        hour = hour_of_week("UTC", request.at)
        take_in(self.behaviour.profile, self.traits(request), at=request.at, hour=hour)

    def size(self) -> int:
        return len(msgspec.json.encode(self.behaviour.profile))


class Numbers:
    """A request as numbers, for models that know nothing else: the same knowledge that the product's score uses."""

    def __init__(self) -> None:
        self.actions: Counter[str] = Counter()
        self.ways: Counter[str] = Counter()
        self.hosts: Counter[str] = Counter()
        self.minute, self.count = 0, 0

    def of(self, request: Request) -> list[float]:
        place = normalize_resource(request.resource)
        parts = place.key.split("/")
        host = request.destination or place.host
        minute = int(request.at) // 60
        self.count = self.count + 1 if minute == self.minute else 1
        self.minute = minute
        hour = request.at % 86_400 / 86_400 * math.tau
        numbers = [
            math.sin(hour),
            math.cos(hour),
            float(int(request.at) // 86_400 % 7 in {2, 3}),
            math.log2(1 + request.volume),
            math.log2(self.count),
            math.log2(1 + self.actions[request.action]),
            math.log2(1 + self.ways["/".join(parts[:2])]),
            math.log2(1 + self.ways["/".join(parts[:3])]),
            math.log2(1 + self.hosts[host]) if host else 12.0,
        ]
        self.actions[request.action] += 1
        self.ways["/".join(parts[:2])] += 1
        self.ways["/".join(parts[:3])] += 1
        self.hosts[host] += 1
        return numbers


class Forest(Detector):
    """IsolationForest, fitted once on the normal weeks."""

    def __init__(self) -> None:
        super().__init__()
        self.model = import_module("sklearn.ensemble").IsolationForest(n_estimators=100, random_state=1)
        self.numbers = Numbers()

    def train(self, training: list[Request]) -> None:
        self.model.fit([self.numbers.of(request) for request in training])

    def score(self, request: Request) -> float:
        return -float(self.model.score_samples([self.numbers.of(request)])[0])

    def size(self) -> int:
        return len(pickle.dumps(self.model))


class Trees(Detector):
    """HalfSpaceTrees, which learn from every request."""

    def __init__(self) -> None:
        super().__init__()
        trees = import_module("river.anomaly").HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=1)
        scaler = import_module("river.preprocessing").MinMaxScaler()
        self.model = import_module("river.compose").Pipeline(scaler, trees)
        self.numbers = Numbers()

    def train(self, training: list[Request]) -> None:
        for request in training:
            self.model.learn_one(dict(enumerate(self.numbers.of(request))))

    def score(self, request: Request) -> float:
        numbers = dict(enumerate(self.numbers.of(request)))
        score = float(self.model.score_one(numbers))
        self.model.learn_one(numbers)
        return score

    def size(self) -> int:
        return len(pickle.dumps(self.model))


DETECTORS: dict[str, tuple[type[Detector], str]] = {
    "AIM": (Ours, ""),
    "IsolationForest": (Forest, "sklearn"),
    "HalfSpaceTrees": (Trees, "river"),
}


class Outcome:
    """Episodes met and found, by attack; and how many normal requests were flagged."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.planted: Counter[str] = Counter()
        self.until: list[int] = []
        self.normal = self.flagged = 0

    def take(self, trial: list[Request], scores: Iterable[float], threshold: float) -> None:
        met: dict[tuple[str, int], list[bool]] = defaultdict(list)
        for request, score in zip(trial, scores, strict=True):
            flagged = score > threshold
            if request.attack:
                met[request.attack, request.episode].append(flagged)
            else:
                self.normal += 1
                self.flagged += flagged
        for (attack, _), flags in met.items():
            self.planted[attack] += 1
            if any(flags):
                self.found[attack] += 1
                self.until.append(flags.index(True) + 1)


def threshold_for(trial: list[Request], scores: list[float], share: float) -> float:
    """The score above which only this share of the normal requests lies."""
    usual = sorted((score for request, score in zip(trial, scores, strict=True) if not request.attack), reverse=True)
    return usual[min(len(usual) - 1, int(len(usual) * share))]


def compare(
    seeds: int, shares: tuple[float, ...], *, names: Iterable[str] = tuple(DETECTORS), kinds: tuple[Kind, ...] = KINDS
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name in names:
        make, needs = DETECTORS[name]
        if needs and find_spec(needs) is None:
            print(f"{name} is not compared: {needs} is not installed. See the head of this file.")  # noqa: T201
            continue
        outcomes = {share: Outcome() for share in shares}
        fixed, sizes, seconds, scored = Outcome(), [], 0.0, 0
        for kind in kinds:
            for seed in range(_FIRST_SEED, _FIRST_SEED + seeds):
                training, trial = trace(kind, seed)
                detector = make()
                scores = detector.run(training, trial)
                for share, outcome in outcomes.items():
                    outcome.take(trial, scores, threshold_for(trial, scores, share))
                fixed.take(trial, scores, THRESHOLD - 0.5)
                sizes.append(detector.size())
                seconds, scored = seconds + detector.seconds, scored + detector.scored
        results[name] = {
            "outcomes": outcomes,
            "fixed": fixed,
            "size": max(sizes),
            "us": seconds / scored * 1e6,
            "normal": fixed.normal,
        }
    return results


def judge_microseconds() -> float:
    """What a score alone costs on a grown profile: the median of many, without learning."""
    detector = Ours()
    training, trial = trace(KINDS[0], 0)
    detector.train(training)
    prepared = [(detector.traits(request), request.at) for request in trial]
    clock = time.perf_counter_ns
    moments = [clock()]
    for traits, at in prepared:
        detector.behaviour.judge(traits, at)
        moments.append(clock())
    lengths = sorted(later - earlier for earlier, later in pairwise(moments))
    return lengths[len(lengths) // 2] / 1000


def show(results: dict[str, Any], shares: tuple[float, ...]) -> str:
    lines = [f"| | false positives | {' | '.join(ATTACKS)} | all | requests until found | µs | state |"]
    lines.append("|---|--:|" + "--:|" * (len(ATTACKS) + 4))
    for name, result in results.items():
        rows = [(f"{share:.2%}", result["outcomes"][share]) for share in shares]
        if name == "AIM":
            fixed = result["fixed"]
            rows.append((f"threshold {THRESHOLD} %: {fixed.flagged / fixed.normal:.3%}", fixed))
        for label, outcome in rows:
            cells = [f"{outcome.found[attack]}/{outcome.planted[attack]}" for attack in ATTACKS]
            until = sorted(outcome.until)
            median = str(until[len(until) // 2]) if until else "–"
            everything = f"{sum(outcome.found.values()) / sum(outcome.planted.values()):.0%}"
            size = f"{result['size'] / 1000:,.0f} kB"
            lines.append(
                f"| {name} | {label} | {' | '.join(cells)} | {everything} | {median} | {result['us']:,.0f} | {size} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.behaviour", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many agents of each kind")
    arguments = parser.parse_args()
    shares = (0.0005, 0.002)
    results = compare(arguments.seeds, shares)
    print(show(results, shares))  # noqa: T201
    print(f"\nA score alone, on a grown profile: {judge_microseconds():.1f} µs (median)")  # noqa: T201


if __name__ == "__main__":
    main()
