from django.urls import path

from security.views.reports import report_new, report_page, reports

app_name = "security"
urlpatterns = [
    path("dashboard/reports", reports, name="reports"),
    path("dashboard/reports/new", report_new, name="report-new"),
    path("dashboard/reports/<str:report_id>", report_page, name="report"),
]
