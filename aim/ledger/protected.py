"""The keys that seal the ledger, for the change of master keys."""

from collections.abc import Mapping, Sequence

from aim.ledger.models import SealKey
from aim.protected import Protected, register_protected


def _read(key: SealKey) -> Mapping[str, bytes]:
    return {} if key.private_key is None else {"private_key": bytes(key.private_key)}


def _write(key: SealKey, anew: Mapping[str, bytes]) -> Sequence[str]:
    key.private_key = anew["private_key"]
    return ["private_key"]


register_protected(
    Protected("keys that seal the ledger", lambda: SealKey.objects.exclude(private_key=None), _read, _write)
)
