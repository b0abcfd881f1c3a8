"""The one error of key registration: every reason why a public key is refused."""


class InvalidPublicKeyError(ValueError):
    """`problems` are sentences for the person who sent the key, `code` names the first of them for programs."""

    def __init__(self, code: str, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.code = code
        self.problems = problems
