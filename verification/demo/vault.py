"""What the demonstration's agents keep to themselves: API keys and private keys, in one file of the data folder."""

import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from aim.crypto.signing import PrivateKey

FILE = "demo-agents"


class Secrets(msgspec.Struct, frozen=True):
    """Of one agent; `private_key` is a PEM, empty for an agent that does not sign."""

    api_key: str
    private_key: str

    def key(self) -> PrivateKey | None:
        if not self.private_key:
            return None
        key = load_pem_private_key(self.private_key.encode(), None)
        assert isinstance(key, PrivateKey)
        return key


class Vault:
    """The file, readable by its owner only. Agents are named by their ids, so that another database finds nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Secrets])
        except FileNotFoundError:
            self._known = {}

    def get(self, agent_id: str) -> Secrets | None:
        return self._known.get(agent_id)

    def put(self, agent_id: str, secrets: Secrets) -> None:
        """Add or replace, in one step and durably."""
        self._known[agent_id] = secrets
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode(self._known))
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(self._path)


def make_key(kind: str) -> PrivateKey:
    """A new key of a type that the registry knows."""
    match kind:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    raise ValueError(f"No key type of agents: {kind}")


def private_pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
