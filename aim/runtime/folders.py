"""Where the embedded servers keep their files and sockets."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

# sun_path holds 108 bytes with its final NUL (unix(7)); 104 on macOS.
_SOCKET_PATH_BYTES = 103
NOBODY = 65534


class RuntimeProblem(Exception):  # noqa: N818 - a sentence for the operator, printed without a traceback
    """Something an operator can put right; its text says what to do."""


def socket_folder(folder: Path, *, longest_name: str) -> Path:
    """`folder` itself, or a short stand-in for it when a socket in it would have too long a path.

    The stand-in depends on nothing but the path of `folder`, so a second process computes the same one.
    """
    folder = folder.absolute()
    if len(os.fsencode(folder / longest_name)) <= _SOCKET_PATH_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"aim-{os.getuid()}-{digest}"


def drop_stand_in(sockets: Path, *, folder: Path) -> None:
    """Leave nothing in the folder for temporary files once the server in `folder` has ended."""
    if sockets.parent != folder:
        with suppress(OSError):
            sockets.rmdir()


def make_private(folder: Path, *, owner: int | None = None, group: int | None = None) -> None:
    """Create `folder` with mode 0700 and refuse one that belongs to somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Root may take over what an earlier start gave to `nobody`; a stranger's folder in /tmp is a trap.
    trusted = {os.getuid(), owner} | ({NOBODY} if os.getuid() == 0 else set())
    if folder.is_symlink() or folder.stat().st_uid not in trusted:
        raise RuntimeProblem(f"{folder} belongs to another user; choose another data folder (--data DIR).")
    folder.chmod(0o700)
    if owner is not None and os.getuid() == 0:
        os.chown(folder, owner, -1 if group is None else group)
    elif os.getuid() == 0:
        os.chown(folder, 0, 0)


def others_may_enter(path: Path) -> bool:
    """Whether any user may pass through every folder above `path`, and through `path` itself when it is one."""
    path = path.resolve()
    folders = [*path.parents, *([path] if path.is_dir() else [])]
    return all(folder.stat().st_mode & 0o001 for folder in folders if folder.exists())
