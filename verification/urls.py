from django.urls import path

from verification.views.approvals import approval_decide, approval_inbox, deadlock_resolve
from verification.views.decisions import verification_detail, verification_list
from verification.views.ledger_settings import ledger_checkpoint, ledger_rotate, ledger_settings, ledger_verifier
from verification.views.overview import overview
from verification.views.settings import second_person, verification_settings, verification_settings_answer

app_name = "verification"
urlpatterns = [
    path("dashboard", overview, name="overview"),
    path("dashboard/verifications", verification_list, name="verification-list"),
    path("dashboard/verifications/<str:verification_id>", verification_detail, name="verification-detail"),
    path("dashboard/approvals", approval_inbox, name="approval-inbox"),
    path("dashboard/approvals/deadlocks/<str:deadlock_id>", deadlock_resolve, name="deadlock-resolve"),
    path("dashboard/approvals/<str:approval_id>", approval_decide, name="approval-decide"),
    path("dashboard/settings/verification", verification_settings, name="settings"),
    path("dashboard/settings/verification/answer", verification_settings_answer, name="settings-answer"),
    path("dashboard/settings/verification/second-person", second_person, name="settings-second-person"),
    path("dashboard/settings/ledger", ledger_settings, name="settings-ledger"),
    path("dashboard/settings/ledger/rotate", ledger_rotate, name="ledger-rotate"),
    path("dashboard/settings/ledger/verifier", ledger_verifier, name="ledger-verifier"),
    path("dashboard/settings/ledger/checkpoints/<str:number>", ledger_checkpoint, name="ledger-checkpoint"),
]
