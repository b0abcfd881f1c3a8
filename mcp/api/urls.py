from django.urls import path

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
    path("mcp-servers/<str:server_id>/tools", ToolsView.as_view(), name="tools"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>", ToolView.as_view(), name="tool"),
    path("mcp-servers/<str:server_id>/tools/<str:tool_id>/approve", ApproveToolView.as_view(), name="tool-approve"),
]
