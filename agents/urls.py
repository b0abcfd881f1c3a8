from django.urls import path, re_path

from agents.views import agent_list, agents_bulk

app_name = "agents"
urlpatterns = [
    path("dashboard/agents", agent_list, name="agent-list"),
    re_path("^dashboard/agents/bulk/(?P<verb>suspend|resume)$", agents_bulk, name="agents-bulk"),
]
