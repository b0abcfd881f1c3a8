"""The API of the ledger: entries of one's own organization, and what proves the ledger to anybody."""

import base64
import re
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.actor_view import ActorView
from accounts.permissions import Permission
from aim.api.path_ids import path_id
from aim.errors import NotFoundError
from aim.ids import IdKind
from aim.ledger.keys import verifier_keys
from aim.ledger.models import SealKey
from aim.ledger.proofs import prove_consistency
from aim.ledger.reading import read_entry, shown_disclosures
from aim.ledger.sealing import last_checkpoint, sealed_size
from aim.ledger.tiles import read_tile
from aim.ledger.tree import WIDTH, TileId, tile_path, tile_width
from verification.api.ledger_pages import EntryPages
from verification.api.ledger_serializers import (
    ConsistencySerializer,
    EntryQuerySerializer,
    EntrySerializer,
    ProofSerializer,
    SealKeysSerializer,
)
from verification.ledger_selectors import (
    EntryFilter,
    NotYetSealedError,
    entries_visible_to,
    hidden_from,
    places_of,
    proof_of,
)

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)
_NUMBER = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class BytesRenderer(BaseRenderer):
    """For answers that are made elsewhere; it lets a caller ask for them by their type."""

    media_type = "application/octet-stream"
    format = "bytes"

    def render(self, data: Any, _media_type: str | None = None, _context: Any = None) -> bytes:
        return JSONRenderer().render(data)


class NoteRenderer(BytesRenderer):
    media_type = "text/plain"
    format = "note"


@extend_schema(tags=["Ledger"])
class ProofView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_PROVE}

    @extend_schema(summary="Prove a decision", operation_id="verification_proof", responses=ProofSerializer)
    def get(self, _request: Request, verification_id: str) -> Response:
        """The sealed record, its place in the ledger, and the hashes that lead to a signed checkpoint.

        Everything needed to check it without AIM but the public key, which is best fetched at another time and kept.
        409 `not_sealed` with `Retry-After` for the seconds until the next checkpoint. An agent gets the proof of its
        own decisions, without what the checks have found.
        """
        proof = proof_of(self.actor, path_id(IdKind.VERIFICATION, verification_id))
        hidden = hidden_from(self.actor)
        raw = None if proof.entry.disclosures is None else bytes(proof.entry.disclosures)
        disclosed = {place: shown for place, shown in shown_disclosures(raw).items() if place not in hidden}
        shown = {
            "verification_id": proof.entry.id,
            "seq": proof.seq,
            "entry": bytes(proof.entry.body).decode(),
            "disclosures": disclosed,
            "erased": read_entry(proof.entry)["erased"],
            "leaf": proof.leaf.hex(),
            "path": [base64.b64encode(step).decode() for step in proof.path],
            "checkpoint": proof.checkpoint.note,
            "keys": [key.text() for key in verifier_keys()],
            "tlog_proof": proof.text(),
        }
        return Response(ProofSerializer(shown).data)


@extend_schema(tags=["Ledger"])
class CheckpointView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_PROVE}
    renderer_classes = (NoteRenderer, JSONRenderer)

    @extend_schema(
        summary="The newest checkpoint",
        operation_id="ledger_checkpoint",
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, _request: Request) -> HttpResponseBase:
        """A signed note (c2sp.org/tlog-checkpoint): size and root of the whole ledger. Keep it somewhere else.

        It is one log for all organizations, in which there is nothing but hashes.
        """
        checkpoint = last_checkpoint()
        if checkpoint is None:
            raise NotYetSealedError
        response = HttpResponse(checkpoint.note, content_type="text/plain; charset=utf-8")
        response["Cache-Control"] = "no-store"
        return response


@extend_schema(tags=["Ledger"])
class ConsistencyView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_PROVE}

    @extend_schema(
        summary="Prove that nothing was rewritten",
        operation_id="ledger_consistency",
        parameters=[
            OpenApiParameter("from", int, required=True, description="The size in the checkpoint you have kept."),
            OpenApiParameter("to", int, description="A later size; without it that of the newest checkpoint."),
        ],
        responses=ConsistencySerializer,
    )
    def get(self, request: Request) -> Response:
        """That the ledger of one size is the beginning of the ledger of another (RFC 6962)."""
        unknown = set(request.query_params) - {"from", "to"}
        errors = {name: [ErrorDetail(f"Unknown parameter: {name}", code="unknown")] for name in unknown}
        sealed = sealed_size()
        sizes = {"from": request.query_params.get("from", ""), "to": request.query_params.get("to", str(sealed))}
        for name, text in sizes.items():
            if not _SIZE.fullmatch(text) or int(text) > sealed:
                message = f"Must be a whole number from 0 to {sealed}, which the newest checkpoint covers."
                errors[name] = [ErrorDetail(message, code="invalid")]
        if not errors and int(sizes["from"]) > int(sizes["to"]):
            errors["from"] = [ErrorDetail("Must not be larger than `to`.", code="invalid")]
        if errors:
            raise ValidationError(errors)
        earlier, later = int(sizes["from"]), int(sizes["to"])
        hashes = [base64.b64encode(step).decode() for step in prove_consistency(earlier, later)]
        return Response(ConsistencySerializer({"from": earlier, "to": later, "hashes": hashes}).data)


@extend_schema(tags=["Ledger"])
class EntriesView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_READ}
    pagination_class = EntryPages

    @extend_schema(
        summary="List the entries",
        operation_id="ledger_entries",
        parameters=[EntryQuerySerializer],
        responses=EntrySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Everything on record of your organization, newest first: decisions, and changes with who made them."""
        query = EntryQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = {name: value for name, value in query.validated_data.items() if name not in {"cursor", "limit"}}
        pages = EntryPages()
        found = entries_visible_to(self.actor, EntryFilter(**wanted))
        rows = pages.paginate_queryset(found, request, self)
        context = {"places": places_of(rows), "sealed": sealed_size()}
        return pages.get_paginated_response(EntrySerializer(rows, many=True, context=context).data)


@extend_schema(tags=["Ledger"])
class TileView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_PROVE}
    renderer_classes = (BytesRenderer, JSONRenderer)

    @extend_schema(
        summary="A tile of the tree",
        operation_id="ledger_tile",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, _request: Request, level: str, number: str) -> HttpResponseBase:
        """Hashes of the tree as c2sp.org/tlog-tiles serves them; a partial tile has `.p/<width>` at its end.

        Numbers are written in groups of three digits, `x001/x234/067`. Entries are not served as tiles, because they
        belong to their organizations: see `entries`.
        """
        found = _NUMBER.fullmatch(number)
        if found is None or not _LEVEL.fullmatch(level):
            raise NotFoundError
        tile = TileId(int(level), int(found[1].replace("x", "").replace("/", "")))
        width = int(found[2]) if found[2] else WIDTH
        if (found[2] and width >= WIDTH) or tile_width(tile, sealed_size()) < width or number != tile_path(tile, width):
            raise NotFoundError
        response = HttpResponse(read_tile(tile, width), content_type="application/octet-stream")
        response["Cache-Control"] = "private, max-age=31536000, immutable"
        return response


@extend_schema(tags=["Ledger"])
class SealKeysView(ActorView):
    permissions: ClassVar = {"GET": Permission.LEDGER_PROVE}

    @extend_schema(summary="The keys that seal", operation_id="ledger_keys", responses=SealKeysSerializer)
    def get(self, _request: Request) -> Response:
        """Public keys of the ledger, oldest first. Compare them with those you have kept before you trust a proof."""
        return Response(SealKeysSerializer({"keys": SealKey.objects.order_by("id")}).data)
