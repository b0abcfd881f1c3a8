"""Secrets of second factors and of webhooks, for the change of master keys."""

from collections.abc import Mapping, Sequence

from allauth.mfa.models import Authenticator

from accounts.models import AlertWebhook
from aim.protected import Protected, register_protected

_ONE = ("secret", "seed")
_MANY = "migrated_codes"


def _read(factor: Authenticator) -> Mapping[str, bytes]:
    secrets = {name: factor.data[name].encode() for name in _ONE if name in factor.data}
    codes = factor.data.get(_MANY) or []
    return {**secrets, **{f"{_MANY}.{place}": code.encode() for place, code in enumerate(codes)}}


def _write(factor: Authenticator, anew: Mapping[str, bytes]) -> Sequence[str]:
    for name, value in anew.items():
        field, _, place = name.partition(".")
        if place:
            factor.data[field][int(place)] = value.decode()
        else:
            factor.data[field] = value.decode()
    return ["data"]


# Passkeys hold nothing that has to be kept secret.
register_protected(
    Protected(
        "second factors",
        lambda: Authenticator.objects.filter(type__in=[Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]),
        _read,
        _write,
    )
)


def _read_webhook(webhook: AlertWebhook) -> Mapping[str, bytes]:
    return {"secret": bytes(webhook.secret)}


def _write_webhook(webhook: AlertWebhook, anew: Mapping[str, bytes]) -> Sequence[str]:
    webhook.secret = anew["secret"]
    return ["secret"]


register_protected(Protected("alert webhooks", AlertWebhook.objects.all, _read_webhook, _write_webhook))
