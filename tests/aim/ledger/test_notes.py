"""Notes as other programs of C2SP write and read them."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aim.ledger.notes import Checkpoint, NoteError, VerifierKey, open_note, sign_note

# The example of the specification, golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SAID = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
AT = datetime(2026, 11, 24, 19, 30, 5, 123_000, tzinfo=UTC)
CHECKPOINT = Checkpoint("aim.example.com/ledger", 7, bytes(range(32)), 3, AT)


def key(name="aim.example.com/ledger"):
    private = Ed25519PrivateKey.generate()
    return VerifierKey(name, private.public_key().public_bytes_raw()), private


def test_the_example_of_the_specification_verifies():
    peter = VerifierKey.parse(PETER)
    text, signed = open_note(SAID, [peter])
    assert text.startswith("If you think")
    assert text.endswith("problem is.\n")
    assert signed == [peter]
    assert peter.text() == PETER


@pytest.mark.parametrize("place", [0, 40, 99, 130, 150, 200, len(SAID) - 3])
def test_a_changed_letter_is_found(place):
    changed = SAID[:place] + chr(ord(SAID[place]) ^ 1) + SAID[place + 1 :]
    with pytest.raises(NoteError):
        open_note(changed, [VerifierKey.parse(PETER)])


def test_checkpoint_goes_there_and_back():
    public, private = key()
    note = sign_note(CHECKPOINT.text(), [(public, private)])
    assert note.split("\n")[:4] == [
        "aim.example.com/ledger",
        "7",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "aim 3 2026-11-24T19:30:05.123Z",
    ]
    text, _ = open_note(note, [public])
    assert Checkpoint.parse(text) == CHECKPOINT


def test_keys_in_turn_sign_together_and_each_is_enough():
    (old, old_private), (new, new_private) = key(), key()
    note = sign_note(CHECKPOINT.text(), [(old, old_private), (new, new_private)])
    assert open_note(note, [old, new])[1] == [old, new]
    assert open_note(note, [new])[1] == [new]
    assert open_note(note, [old])[1] == [old]


def test_unknown_signatures_are_left_alone_and_bad_ones_of_known_keys_are_not():
    (mine, private), (_, other) = key(), key()
    forged = sign_note(CHECKPOINT.text(), [(mine, private), (mine, other)])
    with pytest.raises(NoteError, match="does not verify"):
        open_note(forged, [mine])
    stranger = key("witness.example/w")
    assert open_note(sign_note(CHECKPOINT.text(), [(mine, private), stranger]), [mine])[1] == [mine]
    with pytest.raises(NoteError, match="known key"):
        open_note(sign_note(CHECKPOINT.text(), [stranger]), [mine])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\naim 1 2026-11-24T19:30:05.123Z\n",
        "o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\naim 0 2026-11-24T19:30:05.123Z\n",
        "o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\naim 1 2026-13-24T19:30:05.123Z\n",
        "o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\naim 1 2026-11-24T19:30:05.123Z\n",
        "\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\naim 1 2026-11-24T19:30:05.123Z\n",
        "o\n1\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\naim 1 2026-11-24T19:30:05.123Z\n\n",
    ],
)
def test_other_texts_are_no_checkpoints(text):
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "a",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        "a\n\n— x AAAAAA==\n",
        "a\x00\n\n— x AAAAAAAA\n",
        "a\n\n— x AAAAAAAA",
        "a\n\n— AAAAAAAA\n",
    ],
)
def test_other_texts_are_no_notes(note):
    with pytest.raises(NoteError):
        open_note(note, [VerifierKey.parse(PETER)])


@pytest.mark.parametrize(
    "text", ["", "x", PETER[:-1], PETER.replace("c74f20a3", "c74f20a4"), PETER.replace("Peter", "Petra"), "a+b+c+d"]
)
def test_other_texts_are_no_keys(text):
    with pytest.raises(NoteError):
        VerifierKey.parse(text)
