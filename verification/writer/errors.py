"""How writing may fail."""


class WriterError(Exception):
    """The batch was not recorded, as far as anybody knows."""


class ConnectionLostError(WriterError):
    """The session ended. Whether its last batch was committed is unknown: nobody may be told that it was."""


class StatementError(WriterError):
    """PostgreSQL refused a statement, and so rolled back its batch."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{sqlstate} {message}")
        self.sqlstate = sqlstate
