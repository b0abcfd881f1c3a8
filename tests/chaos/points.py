"""The points on the way of a decision at which a web process can be made to die."""

from enum import StrEnum


class Point(StrEnum):
    AUTHENTICATED = "after authentication"
    DECIDED = "after the checks"
    SENDING = "before the record is sent"
    SENT = "record sent, result not read"
    LOCKED = "careful way, row locked"
    COMMITTED = "after the commit"
    ANSWERING = "before the answer"
