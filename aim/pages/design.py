"""The sheet of states: every component in every state, with example data that exists on this page alone."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_safe

from accounts.console import console_page
from accounts.contracts import Actor
from accounts.lists import list_state
from accounts.permissions import Permission
from aim import clock
from aim.console.behaviour_charts import Score, heat_chart, score_chart
from aim.console.charts import Bucket, Latency, Trust, latency_chart, trust_chart, volume_chart
from aim.console.comb import Check, Outcome
from aim.console.fragments import register_fragment
from aim.console.list_kinds import list_kind
from aim.console.lists import Chip, Order, make_facet
from aim.console.pages import render_page

_NAMES = ("agent_status", "capability", "scope", "policy", "trust_score", "anomaly", "signature", "rate_limit")
_TOKENS = (
    ("bg", "surface", "raised", "sunken", "line", "hair", "control", "button-line"),
    ("text", "muted", "faint", "accent", "allowed", "denied", "pending", "critical", "info", "redacted"),
    ("ink-0", "ink-1", "ink-2", "allowed-mark", "denied-mark", "pending-mark", "pending-soft", "select"),
)
_AWAKE = range(8, 19)
DESIGN_LIST = "design_list"
register_fragment(DESIGN_LIST, "design-list")


@require_safe
@console_page(Permission.ORGANIZATION_WRITE)
def design(request: HttpRequest, actor: Actor) -> HttpResponse:
    kind = list_kind("agents")
    assert kind is not None
    state = list_state(request, actor, kind)
    context = {**_examples(), **_more_examples(), "state": state}
    return render_page(request, "console/design.html", context, fragments={DESIGN_LIST: "list"})


class _ExampleForm(forms.Form):
    name = forms.CharField(label=_lazy("Agent Name"), help_text=_lazy("Letters, digits and hyphens."))
    version = forms.CharField(label=_lazy("Version"))
    kind = forms.ChoiceField(label=_lazy("Agent Type"), choices=[("a", "AI Agent"), ("m", "MCP Server")])
    note = forms.CharField(label=_lazy("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


def _more_examples() -> dict[str, Any]:
    return {
        "form": _ExampleForm({"name": "", "version": "1.0.0", "kind": "a"}),
        "identities": [
            SimpleNamespace(state=state, title="Ed25519") for state in ("configured", "rotating", "missing")
        ],
        "providers": [
            SimpleNamespace(key="google", title="Google"),
            SimpleNamespace(key="microsoft", title="Microsoft"),
            SimpleNamespace(key="oidc", title="Company"),
        ],
        "act": SimpleNamespace(danger=True, button=_("Suspend now"), busy=_("Suspending…")),
        "chips": [Chip(_("Verdict"), _("Denied"), "#"), Chip(_("Agent"), "Billing Reconciler", "#")],
        "heat": heat_chart([(hour * 7 % 24) / 24 if hour % 24 in _AWAKE else 0 for hour in range(7 * 24)]),
        "scores": score_chart(
            [
                Score(
                    clock.now() - timedelta(minutes=10 * (24 - index)),
                    (index * 37) % 100,
                    _("Another resource"),
                    "#charts",
                )
                for index in range(24)
            ],
            threshold=80,
        ),
    }


def _examples() -> dict[str, Any]:
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(minutes=30 * (48 - index)) for index in range(48)]
    volume = [
        Bucket(at, 600 + (index * 37) % 240 - 12 * abs(24 - index), (index * 7) % 23, 4 if index % 5 == 0 else 0)
        for index, at in enumerate(hours)
    ]
    latency = [
        Latency(at, 2 + index % 3 * 0.2, 5 + index % 4 * 0.3, 10 + (index * 5) % 7 + 14 * (index % 41 // 40))
        for index, at in enumerate(hours)
    ]
    history = [
        Trust(now - timedelta(days=28), 100, _("Verified")),
        Trust(now - timedelta(days=17), 91, _("Three denials in an hour")),
        Trust(now - timedelta(days=9), 64, _("Anomaly")),
        Trust(now - timedelta(days=3), 78, _("A week without denials")),
    ]
    return {
        "tokens": _TOKENS,
        "combs": [
            (_pattern("pppppppp"), _("all eight passed")),
            (_pattern("pfpppppn"), _("capability failed, rate_limit not run")),
            (_pattern("pppwpppp"), _("policy asks a person")),
            (_pattern("fnnnnnnn"), _("agent suspended: nothing else was run")),
        ],
        "waterfall": [
            Check("agent_status", Outcome.PASSED, "Active, epoch 318", 0.3),
            Check("capability", Outcome.FAILED, "file_delete is not granted", 0.6),
            Check("scope", Outcome.PASSED, "inside /app/", 1.1),
            Check("policy", Outcome.PASSED, "no rule denies", 2.8),
            Check("trust_score", Outcome.PASSED, "95, needs 70", 0.2),
            Check("anomaly", Outcome.PASSED, "12 % of 80 %", 2.4),
            Check("signature", Outcome.PASSED, "Ed25519, 41 ms old", 57.9),
            Check("rate_limit", Outcome.NOT_RUN, "not run: refused before"),
        ],
        "volume": volume_chart(volume, url=lambda _bucket: "#charts"),
        "small_volume": volume_chart(volume, height=68, small=True),
        "latency": latency_chart(latency),
        "trust": trust_chart(history, minimum=70, suspend=50, until=now),
        "course": [3, 5, 4, 8, 9, 7, 6, 6, 8, 12, 10, 9, 6, 4, 3, 3, 4, 6, 7, 9, 8, 6, 5, 4],
        "quiet": [0] * 24,
        "facet": make_facet(
            "example",
            _("Verdict"),
            [("a", _("Approved"), 48170), ("d", _("Denied"), 1207), ("w", _("Waiting"), 231)],
            ["d"],
        ),
        "order": Order("name", "name", descending=False),
        "page": SimpleNamespace(rows=[1], first=1, last=50, total=834, next="x", previous="", following=50),
        "row_states": [
            ("", _("rest")),
            ("data-cursor", _("focus")),
            ("aria-selected", _("selected")),
        ],
        "steps": [
            SimpleNamespace(
                name="basic",
                label=_("Basic Information"),
                summary="claude-code-assistant",
                done=True,
                failed=False,
                current=False,
            ),
            SimpleNamespace(
                name="capabilities",
                label=_("Capabilities & Permissions"),
                summary=_("needs one"),
                done=False,
                failed=True,
                current=False,
            ),
            SimpleNamespace(
                name="security",
                label=_("Security Configuration"),
                summary=_("Key and trust"),
                done=False,
                failed=False,
                current=True,
            ),
            SimpleNamespace(
                name="review", label=_("Review"), summary=_("1 warning so far"), done=False, failed=False, current=False
            ),
        ],
        "tabs": [
            SimpleNamespace(label=_("Overview"), url="#tabs", current=True, count=None),
            SimpleNamespace(label=_("Activity"), url="#tabs", current=False, count=5133),
            SimpleNamespace(label=_("Keys"), url="#tabs", current=False, count=None),
        ],
        "now": clock.now(),
        "earlier": clock.now() - timedelta(hours=3),
        "public_id": "ver_019ab2f47c1e7d2b8a4e5f6071829e20",
        "fingerprint": "SHA256:" + ":".join(f"{(37 * index + 107) % 256:02X}" for index in range(32)),
    }


def _pattern(letters: str) -> list[Check]:
    outcomes = {"p": Outcome.PASSED, "f": Outcome.FAILED, "w": Outcome.WAITING, "n": Outcome.NOT_RUN}
    return [Check(name, outcomes[letter]) for name, letter in zip(_NAMES, letters, strict=True)]
