from django.urls import path

from verification.views.approvals import approval_decide, approval_inbox, deadlock_resolve
from verification.views.decisions import verification_detail, verification_list

app_name = "verification"
urlpatterns = [
    path("dashboard/verifications", verification_list, name="verification-list"),
    path("dashboard/verifications/<str:verification_id>", verification_detail, name="verification-detail"),
    path("dashboard/approvals", approval_inbox, name="approval-inbox"),
    path("dashboard/approvals/deadlocks/<str:deadlock_id>", deadlock_resolve, name="deadlock-resolve"),
    path("dashboard/approvals/<str:approval_id>", approval_decide, name="approval-decide"),
]
