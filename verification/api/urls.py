from django.urls import path

from verification.api import approval_views, containment_views, grant_views, trust_views, views

app_name = "verification-api"
urlpatterns = [
    path("verify/action", views.VerifyActionView.as_view(), name="verify-action"),
    path("verify/<str:verification_id>", views.OwnVerificationView.as_view(), name="verify-state"),
    path("verify/<str:verification_id>/complete", views.CompleteView.as_view(), name="verify-complete"),
    path("verify/<str:verification_id>/withdraw", views.WithdrawOwnView.as_view(), name="verify-withdraw"),
    path("verifications", views.VerificationListView.as_view(), name="verification-list"),
    path("verifications/<str:verification_id>", views.VerificationView.as_view(), name="verification-detail"),
    path("agents/<str:agent_id>/trust", trust_views.TrustView.as_view(), name="trust"),
    path("approvals", approval_views.ApprovalListView.as_view(), name="approval-list"),
    path("approvals/deadlocks", grant_views.DeadlockListView.as_view(), name="deadlock-list"),
    path(
        "approvals/deadlocks/<str:deadlock_id>/resolve",
        grant_views.ResolveDeadlockView.as_view(),
        name="deadlock-resolve",
    ),
    path("approvals/<str:approval_id>", approval_views.ApprovalView.as_view(), name="approval-detail"),
    path("approvals/<str:approval_id>/approve", approval_views.ApproveView.as_view(), name="approval-approve"),
    path("approvals/<str:approval_id>/deny", approval_views.DenyView.as_view(), name="approval-deny"),
    path("approvals/<str:approval_id>/withdraw", approval_views.WithdrawView.as_view(), name="approval-withdraw"),
    path("grants", grant_views.GrantListView.as_view(), name="grant-list"),
    path("grants/<str:grant_id>/revoke", grant_views.RevokeGrantView.as_view(), name="grant-revoke"),
    path("containments", containment_views.ContainmentListView.as_view(), name="containment-list"),
    path("containments/<str:containment_id>", containment_views.ContainmentView.as_view(), name="containment-detail"),
    path(
        "containments/<str:containment_id>/lift",
        containment_views.LiftContainmentView.as_view(),
        name="containment-lift",
    ),
]
