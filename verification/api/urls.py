from django.urls import path

from verification.api import (
    containment_views,
    data_class_views,
    policy_trial_views,
    policy_version_views,
    policy_views,
    trust_views,
    views,
)

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
    path("policies", policy_views.PolicyListView.as_view(), name="policy-list"),
    path("policies/check", policy_views.CheckPolicyView.as_view(), name="policy-check"),
    path("policies/lint", policy_views.LintView.as_view(), name="policy-lint"),
    path("policies/export", policy_views.ExportView.as_view(), name="policy-export"),
    path("policies/import", policy_views.ImportView.as_view(), name="policy-import"),
    path("policies/<str:policy_id>", policy_views.PolicyView.as_view(), name="policy-detail"),
    path("policies/<str:policy_id>/versions", policy_version_views.VersionsView.as_view(), name="policy-versions"),
    path(
        "policies/<str:policy_id>/versions/<str:version_id>",
        policy_version_views.VersionView.as_view(),
        name="policy-version",
    ),
    path("policies/<str:policy_id>/diff", policy_version_views.DiffView.as_view(), name="policy-diff"),
    path("policies/<str:policy_id>/history", policy_views.HistoryView.as_view(), name="policy-history"),
    path("policies/<str:policy_id>/shadow", policy_version_views.ShadowView.as_view(), name="policy-shadow"),
    path("policies/<str:policy_id>/activate", policy_version_views.ActivateView.as_view(), name="policy-activate"),
    path("policies/<str:policy_id>/retire", policy_version_views.RetireView.as_view(), name="policy-retire"),
    path("policies/<str:policy_id>/confirm", policy_version_views.ConfirmView.as_view(), name="policy-confirm"),
    path("policies/<str:policy_id>/test", policy_trial_views.TestView.as_view(), name="policy-test"),
    path("policies/<str:policy_id>/dry-run", policy_trial_views.DryRunView.as_view(), name="policy-dry-run"),
    path("policies/<str:policy_id>/matches", policy_trial_views.MatchesView.as_view(), name="policy-matches"),
    path("data-classes", data_class_views.DataClassListView.as_view(), name="data-class-list"),
    path("data-classes/<str:data_class_id>", data_class_views.DataClassView.as_view(), name="data-class-detail"),
]
