from django.urls import path, re_path

from agents.views.deletion import agent_delete
from agents.views.detail import agent_act, agent_api_key, agent_detail, agent_rotate, agent_verify
from agents.views.imports import agent_import
from agents.views.registration import agent_edit, agent_key_result, agent_register
from agents.views.registry import agent_first, agent_list, agents_bulk, agents_export
from agents.views.requests import agent_request_new, agent_request_page, agent_request_withdraw, agent_requests
from agents.views.trust import agent_trust_examine, agent_trust_set

app_name = "agents"
urlpatterns = [
    path("dashboard/agents", agent_list, name="agent-list"),
    re_path("^dashboard/agents/bulk/(?P<verb>suspend|resume|attest)$", agents_bulk, name="agents-bulk"),
    path("dashboard/agents/first", agent_first, name="agent-first"),
    path("dashboard/agents/export", agents_export, name="agents-export"),
    path("dashboard/agents/register", agent_register, name="agent-register"),
    path("dashboard/agents/register/key", agent_key_result, name="agent-key-result"),
    path("dashboard/agents/requests", agent_requests, name="agent-requests"),
    path("dashboard/agents/requests/new", agent_request_new, name="agent-request-new"),
    path("dashboard/agents/requests/<str:request_id>", agent_request_page, name="agent-request"),
    path("dashboard/agents/requests/<str:request_id>/withdraw", agent_request_withdraw, name="agent-request-withdraw"),
    path("dashboard/agents/import", agent_import, name="agent-import"),
    path("dashboard/agents/<str:agent_id>", agent_detail, name="agent-detail"),
    path("dashboard/agents/<str:agent_id>/edit", agent_edit, name="agent-edit"),
    path("dashboard/agents/<str:agent_id>/verify", agent_verify, name="agent-verify"),
    path("dashboard/agents/<str:agent_id>/api-keys", agent_api_key, name="agent-api-key"),
    path("dashboard/agents/<str:agent_id>/rotate", agent_rotate, name="agent-rotate"),
    path("dashboard/agents/<str:agent_id>/delete", agent_delete, name="agent-delete"),
    path("dashboard/agents/<str:agent_id>/trust", agent_trust_set, name="agent-trust-set"),
    path("dashboard/agents/<str:agent_id>/trust/examine", agent_trust_examine, name="agent-trust-examine"),
    re_path(
        "^dashboard/agents/(?P<agent_id>[^/]+)/(?P<verb>suspend|resume|revoke|attest)$", agent_act, name="agent-act"
    ),
]
