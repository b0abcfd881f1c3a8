from django.urls import path

from mcp.api.log_views import HealthChecksView, SecurityEventsView
from mcp.api.report_views import CryptoReportFileView, CryptoReportsView, CryptoReportView
from mcp.api.rotation_views import (
    AbandonRotationView,
    CheckKeyView,
    CompleteRotationView,
    ConfirmRotationView,
    ProveRotationView,
    RevokeKeyView,
    RotateKeyView,
    RotationsView,
    RotationView,
)
from mcp.api.run_views import CredentialView, RunsView, RunView, ServerConnectionTestView, VerifyServerView
from mcp.api.views import (
    ApproveOfferingView,
    ApproveToolView,
    OfferingsView,
    RejectToolView,
    ResumeServerView,
    RetireServerView,
    ServerHistoryView,
    ServersView,
    ServerView,
    SuspendServerView,
    ToolChangesView,
    ToolsView,
    ToolView,
)

app_name = "mcp-api"
urlpatterns = [
    path("mcp-servers", ServersView.as_view(), name="servers"),
    path("mcp-servers/<str:server_id>", ServerView.as_view(), name="server"),
    path("mcp-servers/<str:server_id>/history", ServerHistoryView.as_view(), name="history"),
    path("mcp-servers/<str:server_id>/suspend", SuspendServerView.as_view(), name="suspend"),
    path("mcp-servers/<str:server_id>/resume", ResumeServerView.as_view(), name="resume"),
    path("mcp-servers/<str:server_id>/retire", RetireServerView.as_view(), name="retire"),
    path("mcp-servers/<str:server_id>/verify", VerifyServerView.as_view(), name="verify"),
    path("mcp-servers/<str:server_id>/test", ServerConnectionTestView.as_view(), name="test"),
    path("mcp-servers/<str:server_id>/runs", RunsView.as_view(), name="runs"),
    path("mcp-servers/<str:server_id>/runs/<str:run_id>", RunView.as_view(), name="run"),
    path("mcp-servers/<str:server_id>/health-checks", HealthChecksView.as_view(), name="health-checks"),
    path("mcp-servers/<str:server_id>/security-events", SecurityEventsView.as_view(), name="security-events"),
    path("mcp-servers/<str:server_id>/reports", CryptoReportsView.as_view(), name="reports"),
    path("mcp-servers/<str:server_id>/reports/<str:report_file_id>", CryptoReportView.as_view(), name="report"),
    path(
        "mcp-servers/<str:server_id>/reports/<str:report_file_id>/file",
        CryptoReportFileView.as_view(),
        name="report-file",
    ),
    path("mcp-servers/<str:server_id>/credential", CredentialView.as_view(), name="credential"),
    path("mcp-servers/<str:server_id>/tools", ToolsView.as_view(), name="tools"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>", ToolView.as_view(), name="tool"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>/approve", ApproveToolView.as_view(), name="tool-approve"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>/reject", RejectToolView.as_view(), name="tool-reject"),
    path("mcp-servers/<str:server_id>/offerings", OfferingsView.as_view(), name="offerings"),
    path(
        "mcp-servers/<str:server_id>/offerings/<str:offering_id>/approve",
        ApproveOfferingView.as_view(),
        name="offering-approve",
    ),
    path("mcp-servers/<str:server_id>/tool-changes", ToolChangesView.as_view(), name="tool-changes"),
    path("mcp-servers/<str:server_id>/rotate-key", RotateKeyView.as_view(), name="rotate-key"),
    path("mcp-servers/<str:server_id>/rotate-key/check", CheckKeyView.as_view(), name="key-check"),
    path("mcp-servers/<str:server_id>/keys/<str:server_key_id>/revoke", RevokeKeyView.as_view(), name="key-revoke"),
    path("mcp-servers/<str:server_id>/rotations", RotationsView.as_view(), name="rotations"),
    path("mcp-servers/<str:server_id>/rotations/<str:rotation_id>", RotationView.as_view(), name="rotation"),
    path(
        "mcp-servers/<str:server_id>/rotations/<str:rotation_id>/prove",
        ProveRotationView.as_view(),
        name="rotation-prove",
    ),
    path(
        "mcp-servers/<str:server_id>/rotations/<str:rotation_id>/confirm",
        ConfirmRotationView.as_view(),
        name="rotation-confirm",
    ),
    path(
        "mcp-servers/<str:server_id>/rotations/<str:rotation_id>/complete",
        CompleteRotationView.as_view(),
        name="rotation-complete",
    ),
    path(
        "mcp-servers/<str:server_id>/rotations/<str:rotation_id>/abandon",
        AbandonRotationView.as_view(),
        name="rotation-abandon",
    ),
]
