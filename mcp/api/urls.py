from django.urls import path

from mcp.api.run_views import CredentialView, RunsView, RunView, ServerConnectionTestView, VerifyServerView
from mcp.api.views import (
    ApproveToolView,
    ResumeServerView,
    RetireServerView,
    ServerHistoryView,
    ServersView,
    ServerView,
    SuspendServerView,
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
    path("mcp-servers/<str:server_id>/credential", CredentialView.as_view(), name="credential"),
    path("mcp-servers/<str:server_id>/tools", ToolsView.as_view(), name="tools"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>", ToolView.as_view(), name="tool"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>/approve", ApproveToolView.as_view(), name="tool-approve"),
]
