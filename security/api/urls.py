from django.urls import path

from security.api.views import ReportDismissView, ReportEscalateView, ReportSuspendView, ReportsView, ReportView

app_name = "security-api"
urlpatterns = [
    path("reports", ReportsView.as_view(), name="reports"),
    path("reports/<str:report_id>", ReportView.as_view(), name="report"),
    path("reports/<str:report_id>/dismiss", ReportDismissView.as_view(), name="report-dismiss"),
    path("reports/<str:report_id>/escalate", ReportEscalateView.as_view(), name="report-escalate"),
    path("reports/<str:report_id>/suspend", ReportSuspendView.as_view(), name="report-suspend"),
]
