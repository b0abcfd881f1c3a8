from django.urls import path

from verification.views.approvals import approval_decide, approval_inbox, deadlock_resolve
from verification.views.decisions import verification_detail, verification_list, verifications_export
from verification.views.overview import overview

app_name = "verification"
urlpatterns = [
    path("dashboard", overview, name="overview"),
    path("dashboard/verifications", verification_list, name="verification-list"),
    path("dashboard/verifications/export", verifications_export, name="verifications-export"),
    path("dashboard/verifications/<str:verification_id>", verification_detail, name="verification-detail"),
    path("dashboard/approvals", approval_inbox, name="approval-inbox"),
    path("dashboard/approvals/deadlocks/<str:deadlock_id>", deadlock_resolve, name="deadlock-resolve"),
    path("dashboard/approvals/<str:approval_id>", approval_decide, name="approval-decide"),
]
