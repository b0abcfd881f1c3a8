"""Mail that waits, for the change of master keys."""

from collections.abc import Mapping, Sequence

from aim.mail.models import OutgoingMail
from aim.protected import Protected, register_protected


def _read(mail: OutgoingMail) -> Mapping[str, bytes]:
    return {"content": mail.content.encode()}


def _write(mail: OutgoingMail, anew: Mapping[str, bytes]) -> Sequence[str]:
    mail.content = anew["content"].decode()
    return ["content"]


register_protected(
    Protected("waiting mail", lambda: OutgoingMail.objects.exclude(content="").order_by("id"), _read, _write)
)
