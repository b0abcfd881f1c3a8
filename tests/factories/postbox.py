"""A real SMTP server on loopback that keeps what it takes, and refuses whom it is told to."""

import re
import socket
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller


class Postbox:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.port = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802, ARG002 - aiosmtpd's name
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, ARG002 - aiosmtpd's name
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 Taken"

    def to(self, email: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == email]

    def link_to(self, email: str) -> str:
        """The path of the link in the newest mail to the address."""
        text = self.to(email)[-1].get_body(("plain",)).get_content()
        link = re.search(r"https?://[^/\s]+(/\S+)", text)
        assert link is not None, text
        return link[1]


@contextmanager
def running_mail_server():
    postbox = Postbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        postbox.port = free.getsockname()[1]
    controller = Controller(postbox, hostname="127.0.0.1", port=postbox.port)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()
