"""The mail server of tests, and the worker's part of sending to it."""

from aim.mail.delivery import deliver
from aim.mail.models import OutgoingMail
from tests.factories.postbox import Postbox as Postbox
from tests.factories.postbox import running_mail_server as running_mail_server


def send_waiting(organization_id) -> None:
    """What the worker does, for the mails of one organization; other tests' mails are theirs."""
    mine = OutgoingMail.objects.filter(organization_id=organization_id, status=OutgoingMail.Status.WAITING)
    for mail_id in mine.order_by("next_try_at").values_list("id", flat=True):
        deliver(mail_id)
