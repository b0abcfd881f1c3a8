"""The shapes of the ledger and its proofs over HTTP."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aim.api.serializers import IdField, MomentField, StrictSerializer
from aim.ids import IdKind, InvalidIdError, parse_id, show_id
from aim.ledger.events import Event
from aim.ledger.keys import verifier_key
from aim.ledger.models import Entry, SealKey
from aim.ledger.reading import read_entry


class DisclosureSerializer(serializers.Serializer[Any]):
    """`SHA-256(salt ‖ value)` is the commitment that stands at this place of the entry."""

    salt = serializers.CharField(help_text="32 hex digits.")
    value = serializers.CharField(help_text="The canonical JSON (RFC 8785) that was committed to.")


class ProofSerializer(serializers.Serializer[Any]):
    """An entry with everything that proves it to somebody who has the public key and nothing else."""

    verification_id = IdField(kind=IdKind.VERIFICATION)
    seq = serializers.IntegerField(help_text="The entry's place in the ledger, from 0.")
    entry = serializers.CharField(help_text="The sealed bytes: canonical JSON. The leaf is SHA-256(0x00 ‖ entry).")
    disclosures = serializers.DictField(
        child=DisclosureSerializer(), help_text="By place, what the entry holds as commitments and is not erased."
    )
    erased = serializers.ListField(child=serializers.CharField())
    leaf = serializers.CharField(help_text="64 hex digits.")
    path = serializers.ListField(
        child=serializers.CharField(), help_text="The audit path of RFC 6962, from the leaf upwards, in base64."
    )
    checkpoint = serializers.CharField(help_text="The signed note (C2SP) whose root the path leads to.")
    keys = serializers.ListField(child=serializers.CharField(), help_text="The verifier keys that may have signed it.")
    tlog_proof = serializers.CharField(help_text="Place, path and checkpoint as one file (c2sp.org/tlog-proof).")


class ConsistencySerializer(serializers.Serializer[Any]):
    """That the ledger of one size is the beginning of the ledger of another."""

    hashes = serializers.ListField(child=serializers.CharField(), help_text="The proof of RFC 6962, in base64.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        sizes = {"from": serializers.IntegerField(), "to": serializers.IntegerField()}
        return {**sizes, **super().get_fields()}


class SealKeySerializer(serializers.Serializer[Any]):
    """A key that signs checkpoints, or has signed them."""

    key = serializers.SerializerMethodField(help_text="Name, id and public key as C2SP writes verifier keys.")
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)

    def get_key(self, row: SealKey) -> str:
        return verifier_key(row).text()


class SealKeysSerializer(serializers.Serializer[Any]):
    """All of them, oldest first: each was followed by the next in a checkpoint that both have signed."""

    keys = SealKeySerializer(many=True)


@extend_schema_field({"type": "string"})
class SubjectField(serializers.Field[UUID, str, str, Any]):
    """The typed id of anything that entries are about."""

    default_error_messages = {"invalid": "Not an id such as agt_…."}

    def to_internal_value(self, data: Any) -> UUID:
        text = data if isinstance(data, str) else ""
        kind = text.partition("_")[0]
        if kind not in {*IdKind}:
            self.fail("invalid")
        try:
            return parse_id(IdKind(kind), text)
        except InvalidIdError:
            self.fail("invalid")

    def to_representation(self, value: UUID) -> str:
        return value.hex


class EntryQuerySerializer(StrictSerializer):
    """How the list of entries is narrowed."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Event], required=False)
    subject = SubjectField(source="subject_id", required=False)
    since = MomentField(required=False)
    until = MomentField(required=False)
    cursor = serializers.CharField(required=False, help_text="Taken from `next` or `previous` of another page.")
    limit = serializers.CharField(required=False, help_text="Rows on a page, 1 to 200.")


class EntrySerializer(serializers.Serializer[Any]):
    """A ledger entry with its clear values, where they are not erased."""

    id = serializers.CharField()
    seq = serializers.IntegerField(allow_null=True, help_text="Its final place, once it has one.")
    sealed = serializers.BooleanField(help_text="Whether a checkpoint covers it.")
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.DictField()
    subject = serializers.DictField()
    data = serializers.DictField()  # type: ignore[assignment]
    erased = serializers.ListField(child=serializers.CharField())
    altered = serializers.ListField(
        child=serializers.CharField(), help_text="What is disclosed here is not what was committed to."
    )

    def to_representation(self, instance: Entry) -> dict[str, Any]:
        body = read_entry(instance)
        seq = self.context["places"].get(instance.id)
        return {
            "id": show_id(IdKind.ENTRY, instance.id),
            "seq": seq,
            "sealed": seq is not None and seq < self.context["sealed"],
            **{name: body[name] for name in ("kind", "at", "actor", "subject", "data", "erased", "altered")},
        }
