from django.urls import path

from verification.api import containment_views, ledger_views, views

app_name = "verification-api"
urlpatterns = [
    path("verify/action", views.VerifyActionView.as_view(), name="verify-action"),
    path("verify/<str:verification_id>", views.OwnVerificationView.as_view(), name="verify-state"),
    path("verify/<str:verification_id>/complete", views.CompleteView.as_view(), name="verify-complete"),
    path("verifications", views.VerificationListView.as_view(), name="verification-list"),
    path("verifications/<str:verification_id>", views.VerificationView.as_view(), name="verification-detail"),
    path("verifications/<str:verification_id>/proof", ledger_views.ProofView.as_view(), name="verification-proof"),
    path("ledger/checkpoint", ledger_views.CheckpointView.as_view(), name="ledger-checkpoint"),
    path("ledger/consistency", ledger_views.ConsistencyView.as_view(), name="ledger-consistency"),
    path("ledger/entries", ledger_views.EntriesView.as_view(), name="ledger-entries"),
    path("ledger/keys", ledger_views.SealKeysView.as_view(), name="ledger-keys"),
    path("ledger/tile/<str:level>/<path:number>", ledger_views.TileView.as_view(), name="ledger-tile"),
    path("containments", containment_views.ContainmentListView.as_view(), name="containment-list"),
    path("containments/<str:containment_id>", containment_views.ContainmentView.as_view(), name="containment-detail"),
    path(
        "containments/<str:containment_id>/lift",
        containment_views.LiftContainmentView.as_view(),
        name="containment-lift",
    ),
]
