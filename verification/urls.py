from django.urls import path

from verification.views import verification_detail, verification_list

app_name = "verification"
urlpatterns = [
    path("dashboard/verifications", verification_list, name="verification-list"),
    path("dashboard/verifications/<str:verification_id>", verification_detail, name="verification-detail"),
]
