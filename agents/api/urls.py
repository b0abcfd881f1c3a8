from django.urls import path

from agents.api.key_views import (
    ApiKeysView,
    ApiKeyView,
    ChallengeView,
    ConfirmView,
    FollowedChallengeView,
    PublicKeysView,
    RemoteProofView,
    ResponseView,
)
from agents.api.lifecycle_views import AttestView, ResumeView, RevokeView, SuspendView
from agents.api.request_views import (
    AgentRequestDeclineView,
    AgentRequestFulfilView,
    AgentRequestsView,
    AgentRequestView,
    AgentRequestWithdrawView,
)
from agents.api.trust_views import TrustBaselineView, TrustEventsView
from agents.api.views import AgentsView, AgentView, CapabilitiesView, HistoryView

app_name = "agents-api"
urlpatterns = [
    path("capabilities", CapabilitiesView.as_view(), name="capabilities"),
    path("agent-requests", AgentRequestsView.as_view(), name="agent-requests"),
    path("agent-requests/<str:request_id>", AgentRequestView.as_view(), name="agent-request"),
    path("agent-requests/<str:request_id>/decline", AgentRequestDeclineView.as_view(), name="agent-request-decline"),
    path("agent-requests/<str:request_id>/withdraw", AgentRequestWithdrawView.as_view(), name="agent-request-withdraw"),
    path("agent-requests/<str:request_id>/fulfil", AgentRequestFulfilView.as_view(), name="agent-request-fulfil"),
    path("agents", AgentsView.as_view(), name="agents"),
    path("agents/<str:agent_id>", AgentView.as_view(), name="agent"),
    path("agents/<str:agent_id>/history", HistoryView.as_view(), name="history"),
    path("agents/<str:agent_id>/suspend", SuspendView.as_view(), name="suspend"),
    path("agents/<str:agent_id>/resume", ResumeView.as_view(), name="resume"),
    path("agents/<str:agent_id>/revoke", RevokeView.as_view(), name="revoke"),
    path("agents/<str:agent_id>/attest", AttestView.as_view(), name="attest"),
    path("agents/<str:agent_id>/trust/events", TrustEventsView.as_view(), name="trust-events"),
    path("agents/<str:agent_id>/trust/baseline", TrustBaselineView.as_view(), name="trust-baseline"),
    path("agents/<str:agent_id>/api-keys", ApiKeysView.as_view(), name="api-keys"),
    path("agents/<str:agent_id>/api-keys/<str:key_id>", ApiKeyView.as_view(), name="api-key"),
    path("agents/<str:agent_id>/keys", PublicKeysView.as_view(), name="keys"),
    path("agents/<str:agent_id>/keys/<str:key_id>/confirm", ConfirmView.as_view(), name="key-confirm"),
    path("agents/<str:agent_id>/verify", RemoteProofView.as_view(), name="verify"),
    path("agents/<str:agent_id>/challenge", ChallengeView.as_view(), name="challenge"),
    path("agents/<str:agent_id>/challenge/<str:challenge_id>", FollowedChallengeView.as_view(), name="proof"),
    path("agents/<str:agent_id>/challenge/<str:challenge_id>/response", ResponseView.as_view(), name="response"),
]
