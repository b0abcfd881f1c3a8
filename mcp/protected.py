"""What AIM shows to servers to be let in, for the change of master keys."""

from collections.abc import Mapping, Sequence

from aim.protected import Protected, register_protected
from mcp.models import Credential


def _read(credential: Credential) -> Mapping[str, bytes]:
    return {"encrypted": bytes(credential.encrypted)}


def _write(credential: Credential, anew: Mapping[str, bytes]) -> Sequence[str]:
    # By whom and when it was set stays as it was.
    credential.encrypted = anew["encrypted"]
    return ["encrypted"]


register_protected(Protected("credentials of MCP servers", Credential.objects.all, _read, _write))
