from django.urls import path

from verification.api import containment_views, trust_views, views

app_name = "verification-api"
urlpatterns = [
    path("verify/action", views.VerifyActionView.as_view(), name="verify-action"),
    path("verify/<str:verification_id>", views.OwnVerificationView.as_view(), name="verify-state"),
    path("verify/<str:verification_id>/complete", views.CompleteView.as_view(), name="verify-complete"),
    path("verifications", views.VerificationListView.as_view(), name="verification-list"),
    path("verifications/<str:verification_id>", views.VerificationView.as_view(), name="verification-detail"),
    path("agents/<str:agent_id>/trust", trust_views.TrustView.as_view(), name="trust"),
    path("containments", containment_views.ContainmentListView.as_view(), name="containment-list"),
    path("containments/<str:containment_id>", containment_views.ContainmentView.as_view(), name="containment-detail"),
    path(
        "containments/<str:containment_id>/lift",
        containment_views.LiftContainmentView.as_view(),
        name="containment-lift",
    ),
]
