from django.urls import path, re_path

from mcp.views.compare import server_compare
from mcp.views.credentials import server_credential
from mcp.views.detail import server_act, server_detail
from mcp.views.downloads import server_attempts_csv, server_events_file, server_health_file, server_public_key
from mcp.views.registration import server_edit, server_key, server_register
from mcp.views.registry import server_list
from mcp.views.renewal import server_renew
from mcp.views.reports import report_file, report_progress, server_report, signing_authority
from mcp.views.rotation import (
    rotation_abandon,
    rotation_complete,
    rotation_confirm,
    rotation_prove,
    server_key_revoke,
    server_new_key,
    server_reach,
    server_rotate,
)
from mcp.views.runs import run_progress, server_test, server_verify, servers_verify
from mcp.views.tools import server_offering_approve, server_tool_judge, server_tools

_SERVER = "dashboard/mcp/<str:server_id>"

app_name = "mcp"
urlpatterns = [
    path("dashboard/mcp", server_list, name="server-list"),
    path("dashboard/mcp/register", server_register, name="server-register"),
    path("dashboard/mcp/register/key", server_key, name="server-key"),
    path("dashboard/mcp/verify", servers_verify, name="servers-verify"),
    path("dashboard/mcp/compare", server_compare, name="server-compare"),
    path("dashboard/mcp/reports/authority.pem", signing_authority, name="signing-authority"),
    path("dashboard/mcp/reports/<str:report_id>", report_progress, name="report-progress"),
    path("dashboard/mcp/reports/<str:report_id>/file", report_file, name="report-file"),
    path(_SERVER, server_detail, name="server-detail"),
    path(f"{_SERVER}/edit", server_edit, name="server-edit"),
    path(f"{_SERVER}/report", server_report, name="server-report"),
    path(f"{_SERVER}/verify", server_verify, name="server-verify"),
    path(f"{_SERVER}/test", server_test, name="server-test"),
    path(f"{_SERVER}/runs/<str:run_id>", run_progress, name="run-progress"),
    path(f"{_SERVER}/rotate", server_rotate, name="server-rotate"),
    path(f"{_SERVER}/rotate/key", server_new_key, name="server-new-key"),
    path(f"{_SERVER}/rotate/reach", server_reach, name="server-reach"),
    path(f"{_SERVER}/rotations/<str:rotation_id>/prove", rotation_prove, name="rotation-prove"),
    path(f"{_SERVER}/rotations/<str:rotation_id>/confirm", rotation_confirm, name="rotation-confirm"),
    path(f"{_SERVER}/rotations/<str:rotation_id>/complete", rotation_complete, name="rotation-complete"),
    path(f"{_SERVER}/rotations/<str:rotation_id>/abandon", rotation_abandon, name="rotation-abandon"),
    path(f"{_SERVER}/keys/<str:key_id>/revoke", server_key_revoke, name="server-key-revoke"),
    path(f"{_SERVER}/credential", server_credential, name="server-credential"),
    path(f"{_SERVER}/offerings/<str:offering_id>/approve", server_offering_approve, name="server-offering-approve"),
    path(f"{_SERVER}/renew", server_renew, name="server-renew"),
    path(f"{_SERVER}/tools", server_tools, name="server-tools"),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/tools/(?P<tool_id>[^/]+)/(?P<verb>approve|reject)$",
        server_tool_judge,
        name="server-tool-judge",
    ),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/public-key.(?P<ending>pem|der)$",
        server_public_key,
        name="server-public-key",
    ),
    path(f"{_SERVER}/verification-history.csv", server_attempts_csv, name="server-attempts-csv"),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/health-checks.(?P<ending>csv|json)$",
        server_health_file,
        name="server-health-file",
    ),
    re_path(
        "^dashboard/mcp/(?P<server_id>[^/]+)/security-events.(?P<ending>csv|json)$",
        server_events_file,
        name="server-events-file",
    ),
    re_path("^dashboard/mcp/(?P<server_id>[^/]+)/(?P<verb>suspend|resume|retire)$", server_act, name="server-act"),
]
