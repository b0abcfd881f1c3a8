from django.urls import path, re_path

from mcp.views.compare import server_compare
from mcp.views.detail import server_act, server_detail
from mcp.views.downloads import server_attempts_csv, server_events_file, server_public_key
from mcp.views.registration import server_edit, server_key, server_register
from mcp.views.registry import server_list
from mcp.views.reports import report_file, report_progress, server_report, signing_authority
from mcp.views.tools import server_tool_approve, server_tools

_SERVER = "dashboard/mcp/<str:server_id>"

app_name = "mcp"
urlpatterns = [
    path("dashboard/mcp", server_list, name="server-list"),
    path("dashboard/mcp/register", server_register, name="server-register"),
    path("dashboard/mcp/register/key", server_key, name="server-key"),
    path("dashboard/mcp/compare", server_compare, name="server-compare"),
    path("dashboard/mcp/reports/authority.pem", signing_authority, name="signing-authority"),
    path("dashboard/mcp/reports/<str:report_id>", report_progress, name="report-progress"),
    path("dashboard/mcp/reports/<str:report_id>/file", report_file, name="report-file"),
    path(_SERVER, server_detail, name="server-detail"),
    path(f"{_SERVER}/edit", server_edit, name="server-edit"),
    path(f"{_SERVER}/report", server_report, name="server-report"),
    path(f"{_SERVER}/tools", server_tools, name="server-tools"),
    path(f"{_SERVER}/tools/<str:tool_id>/approve", server_tool_approve, name="server-tool-approve"),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/public-key.(?P<ending>pem|der)$",
        server_public_key,
        name="server-public-key",
    ),
    path(f"{_SERVER}/verification-history.csv", server_attempts_csv, name="server-attempts-csv"),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/security-events.(?P<ending>csv|json)$",
        server_events_file,
        name="server-events-file",
    ),
    re_path("^dashboard/mcp/(?P<server_id>[^/]+)/(?P<verb>suspend|resume|retire)$", server_act, name="server-act"),
]
