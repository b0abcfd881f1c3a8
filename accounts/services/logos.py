"""The organization's picture: never served as it was uploaded, but drawn anew from its pixels.

Only PNG, JPEG and WebP are looked at, the size is read from the header before a pixel is decoded, and what else the
file holds (metadata, trailing data, scripts) is left behind.
"""

import hashlib
import warnings
from io import BytesIO

from django.db import transaction
from django.utils.translation import gettext
from PIL import Image, UnidentifiedImageError

from accounts.contracts import Actor
from accounts.ledger_entries import record
from accounts.models import Organization, OrganizationLogo
from accounts.permissions import Permission
from accounts.services.organizations import lock_organization
from aim.errors import InvalidInputError, NotFoundError, Problem
from aim.ledger.events import Event

MOST_BYTES = 1_000_000
MOST_PIXELS = 4_000_000
SMALLEST, LARGEST = 16, 4096
STORED = 512
_FORMATS = ("PNG", "JPEG", "WEBP")


@transaction.atomic
def set_logo(actor: Actor, upload: bytes) -> OrganizationLogo:
    """Raises `InvalidInputError` for `logo`."""
    actor.require(Permission.ORGANIZATION_WRITE)
    content, width, height = _redrawn(upload)
    organization = lock_organization(actor.scope)
    before = OrganizationLogo.objects.filter(organization=organization).first()
    digest = hashlib.sha256(content).hexdigest()
    logo, _ = OrganizationLogo.objects.update_or_create(
        organization=organization,
        defaults={"content": content, "digest": digest, "width": width, "height": height},
    )
    if before is None or before.digest != digest:
        _name(organization, digest)
        changes = {"logo": {"before": before.digest if before else None, "after": digest}}
        record(
            actor,
            Event.ORGANIZATION_UPDATED,
            organization_id=organization.id,
            subject=organization,
            data={"changes": changes},
        )
    return logo


@transaction.atomic
def remove_logo(actor: Actor) -> None:
    actor.require(Permission.ORGANIZATION_WRITE)
    organization = lock_organization(actor.scope)
    logo = OrganizationLogo.objects.filter(organization=organization).first()
    if logo is None:
        raise NotFoundError
    changes = {"logo": {"before": logo.digest, "after": None}}
    logo.delete()
    _name(organization, "")
    record(
        actor,
        Event.ORGANIZATION_UPDATED,
        organization_id=organization.id,
        subject=organization,
        data={"changes": changes},
    )


def _name(organization: Organization, digest: str) -> None:
    organization.logo_digest = digest
    organization.save(update_fields=["logo_digest"])


def _redrawn(upload: bytes) -> tuple[bytes, int, int]:
    """A PNG of the same picture, at most 512 pixels wide and high."""
    if len(upload) > MOST_BYTES:
        raise _refused("too_large", gettext("The file is larger than 1 MB."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(BytesIO(upload), formats=_FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS or not all(SMALLEST <= side <= LARGEST for side in image.size):
                    raise _refused(
                        "size",
                        gettext("The picture must be %(least)s to %(most)s pixels wide and high.")
                        % {"least": SMALLEST, "most": LARGEST},
                    )
                image.thumbnail((STORED, STORED))
                plain = image.convert("RGBA")
                drawn = BytesIO()
                Image.frombytes("RGBA", plain.size, plain.tobytes()).save(drawn, "PNG", optimize=True)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Warning, Image.DecompressionBombError):
        raise _refused("invalid", gettext("This is no PNG, JPEG or WebP picture.")) from None
    return drawn.getvalue(), plain.width, plain.height


def _refused(code: str, message: str) -> InvalidInputError:
    return InvalidInputError((Problem("logo", code, message),))
