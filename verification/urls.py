from django.urls import path

from verification.views.approvals import approval_decide, approval_inbox, deadlock_resolve
from verification.views.data_classes import data_class_delete, data_class_edit, data_class_list
from verification.views.decisions import verification_detail, verification_list, verifications_export
from verification.views.ledger_settings import ledger_checkpoint, ledger_rotate, ledger_settings, ledger_verifier
from verification.views.overview import overview
from verification.views.policies import (
    policy_act,
    policy_check,
    policy_detail,
    policy_dry_run,
    policy_export,
    policy_import,
    policy_list,
)
from verification.views.policy_editor import policy_edit, policy_new
from verification.views.settings import second_person, verification_settings, verification_settings_answer

app_name = "verification"
urlpatterns = [
    path("dashboard", overview, name="overview"),
    path("dashboard/verifications", verification_list, name="verification-list"),
    path("dashboard/verifications/export", verifications_export, name="verifications-export"),
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
    path("dashboard/policies", policy_list, name="policy-list"),
    path("dashboard/policies/new", policy_new, name="policy-new"),
    path("dashboard/policies/check", policy_check, name="policy-check"),
    path("dashboard/policies/import", policy_import, name="policy-import"),
    path("dashboard/policies/export", policy_export, name="policy-export"),
    path("dashboard/policies/data-classes", data_class_list, name="data-class-list"),
    path("dashboard/policies/data-classes/new", data_class_edit, name="data-class-new"),
    path("dashboard/policies/data-classes/<str:data_class_id>", data_class_edit, name="data-class-edit"),
    path("dashboard/policies/data-classes/<str:data_class_id>/delete", data_class_delete, name="data-class-delete"),
    path("dashboard/policies/<str:policy_id>", policy_detail, name="policy-detail"),
    path("dashboard/policies/<str:policy_id>/edit", policy_edit, name="policy-edit"),
    path("dashboard/policies/<str:policy_id>/dry-run", policy_dry_run, name="policy-dry-run"),
    path("dashboard/policies/<str:policy_id>/<str:verb>", policy_act, name="policy-act"),
]
