"""How allauth's second factors are kept here: their secrets encrypted, and under the product's name."""

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter

from accounts.models import User
from aim.encryption import decrypt, encrypt


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        return "AIM"

    def get_totp_label(self, user: User) -> str:
        return user.email

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The host that the browser shows: one of `AIM_ALLOWED_HOSTS`, or Django had refused the request."""
        return {"id": context.request.get_host().partition(":")[0], "name": "AIM"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, str | bytes]:
        return {"id": user.id.hex.encode(), "display_name": user.name or user.email, "name": user.email}
