from django.urls import path

from verification.api import views

urlpatterns = [
    path("verify/action", views.VerifyActionView.as_view(), name="verify-action"),
    path("verify/<str:verification_id>", views.OwnVerificationView.as_view(), name="own-verification"),
    path("verify/<str:verification_id>/complete", views.CompleteView.as_view(), name="verification-complete"),
    path("verifications", views.VerificationListView.as_view(), name="verification-list"),
    path("verifications/<str:verification_id>", views.VerificationView.as_view(), name="verification"),
    path("containments", views.ContainmentListView.as_view(), name="containment-list"),
    path("containments/<str:containment_id>", views.ContainmentView.as_view(), name="containment"),
]
