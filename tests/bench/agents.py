"""The agents of a run: who they are, their bearer keys and their Ed25519 keys, in one private file."""

import base64
import hashlib
import json
import os
import secrets
import uuid
from pathlib import Path

import msgspec
from nacl.signing import SigningKey


class BenchAgent(msgspec.Struct, frozen=True):
    """One agent. `seed` is the private key (32 bytes), `thumbprint` that of RFC 7638, which names the key."""

    agent_id: str
    api_key: str
    seed: bytes
    public_key: bytes
    thumbprint: str

    @property
    def uuid(self) -> uuid.UUID:
        return uuid.UUID(self.agent_id.removeprefix("agt_"))


def thumbprint(public_key: bytes) -> str:
    """RFC 7638 section 3 over the members that RFC 8037 section 2 requires of an Ed25519 key."""
    jwk = json.dumps(
        {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public_key)}, sort_keys=True, separators=(",", ":")
    )
    return _base64url(hashlib.sha256(jwk.encode()).digest())


def new_agent() -> BenchAgent:
    """Make an agent that only the floors know."""
    key = SigningKey.generate()
    public_key = bytes(key.verify_key)
    return BenchAgent(
        agent_id=f"agt_{uuid.uuid4().hex}",
        api_key=f"aim_{secrets.token_urlsafe(32)}",
        seed=bytes(key),
        public_key=public_key,
        thumbprint=thumbprint(public_key),
    )


def write_agents(path: Path, agents: list[BenchAgent]) -> None:
    """Write the file of a run, private keys included: readable by its owner only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(msgspec.json.encode(agents))


def read_agents(path: Path) -> list[BenchAgent]:
    return msgspec.json.decode(path.read_bytes(), type=list[BenchAgent])


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
