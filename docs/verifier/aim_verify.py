"""Verifies an AIM ledger from files alone. Needs Python 3.10 or newer and the package `cryptography`.

    aim_verify.py export FOLDER     [--key KEY] [--checkpoint FILE]   an export of `manage.py ledger export`
    aim_verify.py proof PROOF.json  [--key KEY]                       an answer of GET /verifications/{id}/proof
    aim_verify.py consistency OLD NEW ANSWER.json  [--key KEY]        two checkpoints, and the answer that ties them

It shares no code with AIM. It prints one line for each thing that is wrong, and ends with 1 when there is any.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
SALT_BYTES = 16


class Wrong(Exception):
    """Something does not verify."""


# Hashes: RFC 6962 section 2.1


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of_path(leaf, index, size, path):
    """The root that an audit path leads to (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise Wrong(f"there is no entry {index} in a ledger of {size}")
    node, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Wrong("the path is too long")
        if node & 1 or node == last:
            found = node_hash(step, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    if last:
        raise Wrong("the path is too short")
    return found


def check_consistency(old_size, old_root, new_size, new_root, path):
    """That the smaller tree is the beginning of the larger one (RFC 9162 section 2.1.4.2)."""
    if old_size in {new_size, 0}:
        if path or (old_size and old_root != new_root):
            raise Wrong("two checkpoints of one size have different roots")
        return
    if old_size > new_size:
        raise Wrong(f"the ledger has shrunk from {old_size} to {new_size} entries")
    path = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not path:
        raise Wrong("the path is too short")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            raise Wrong("the path is too long")
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    if last or old != old_root or new != new_root:
        raise Wrong(f"the ledger of {old_size} entries is not the beginning of that of {new_size}")


class Growing:
    """A tree to which leaves are added one by one, and whose root is known at every size."""

    def __init__(self):
        self.size = 0
        self.subtrees = []

    def add(self, leaf):
        place = self.size
        while place & 1:
            leaf, place = node_hash(self.subtrees.pop(), leaf), place >> 1
        self.subtrees.append(leaf)
        self.size += 1

    def root(self):
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        found = self.subtrees[-1]
        for subtree in reversed(self.subtrees[:-1]):
            found = node_hash(subtree, found)
        return found


# Signed notes: c2sp.org/signed-note and c2sp.org/tlog-checkpoint


def read_key(text):
    """(name, id, key) of a verifier key NAME+ID+BASE64."""
    name, digits, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    identity = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or len(raw) != 33 or identity.hex() != digits:
        raise Wrong(f"{text.strip()} is no Ed25519 verifier key")
    return name, identity, Ed25519PublicKey.from_public_bytes(raw[1:])


def open_checkpoint(note, keys):
    """(size, root, number, time) of a checkpoint that one of the keys has signed."""
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise Wrong("not a signed note")
    text += "\n"
    signed = False
    for line in lines[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        for known_name, identity, key in keys:
            if (dash, name, raw[:4]) == ("\u2014", known_name, identity):
                key.verify(raw[4:], text.encode())
                signed = True
    if not signed:
        raise Wrong("not signed by any of the keys")
    _, size, root, extension = text[:-1].split("\n")
    word, number, moment = extension.split(" ")
    if word != "aim":
        raise Wrong("not a checkpoint of AIM")
    return int(size), base64.b64decode(root, validate=True), int(number), moment


# Entries: canonical JSON, with commitments in the place of what may be erased


def check_disclosures(entry, disclosures):
    """That what is disclosed is what was committed to; answers the places that are not disclosed."""
    open_places = dict(commitments(json.loads(entry)))
    for place, shown in disclosures.items():
        salt, value = bytes.fromhex(shown["salt"]), shown["value"].encode()
        # One length and one spelling: else a byte of the value could pass for one of the salt.
        plain = len(salt) == SALT_BYTES and salt.hex() == shown["salt"]
        if not plain or open_places.pop(place, None) != hashlib.sha256(salt + value).hexdigest():
            raise Wrong(f"{place} is not what was committed to")
    return sorted(open_places)


def commitments(body):
    """(place, digest) of every commitment in an entry."""
    if body["v"] == 1:
        return
    places = ["actor.personal", "subject.personal", "data.personal"]
    if body["kind"] == "verification.decided":
        places += ["data.action.personal", "data.claims", "data.context"]
    for place in places:
        found = body
        for step in place.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, dict) and "sha256" in found:
            yield place, found["sha256"]


# What is verified


def verify_export(folder, trusted, kept, say):
    """A whole export. What is wrong is said; answers how many entries were there."""
    keys = trusted or [read_key(line) for line in (folder / "keys").read_text().splitlines()]
    size, root, newest, _ = open_checkpoint((folder / "checkpoint").read_text(), keys)
    leaves = read_leaves(folder, size)
    roots = check_tree(folder, leaves)
    if roots[size] != root:
        say("checkpoint", "the tiles are not what it has sealed")
    before, expected = 0, 1
    for line in (folder / "checkpoints.ndjson").read_text().splitlines():
        row = json.loads(line)
        name = f"checkpoint {row['number']}"
        try:
            its_size, its_root, number, _ = open_checkpoint(row["note"], keys)
        except (Wrong, InvalidSignature, ValueError) as error:
            say(name, f"{error or 'a signature does not verify'}")
            continue
        if (number, row["number"]) != (expected, expected):
            say(name, f"checkpoint {expected} should be here")
        if its_size < before or roots.get(its_size) != its_root:
            say(name, f"the tree of {its_size} entries is another one")
        before, expected = its_size, number + 1
    if expected != newest + 1:
        say("checkpoints", f"the last one is {expected - 1}, but {newest} was signed")
    if kept is not None:
        its_size, its_root, number, _ = open_checkpoint(kept, keys)
        if its_size > size:
            say("kept checkpoint", f"covers {its_size} entries, but there are {size}: the end was cut off")
        elif roots[its_size] != its_root:
            say("kept checkpoint", f"the first {its_size} entries are others")
    return check_entries(folder, leaves, say)


def read_leaves(folder, size):
    leaves = []
    for number in range(-(-size // WIDTH)):
        hashes = read_tile(folder, 0, number, min(WIDTH, size - number * WIDTH))
        leaves += [hashes[start : start + 32] for start in range(0, len(hashes), 32)]
    if len(leaves) != size:
        raise Wrong(f"the tiles hold {len(leaves)} leaves instead of {size}")
    return leaves


def read_tile(folder, level, number, width):
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = folder / "tile" / str(level)
    for group in groups[:-1]:
        path /= f"x{group}"
    path = path / groups[-1] if width == WIDTH else path / f"{groups[-1]}.p" / str(width)
    hashes = path.read_bytes()
    if len(hashes) != 32 * width:
        raise Wrong(f"{path} has {len(hashes)} bytes instead of {32 * width}")
    return hashes


def check_tree(folder, leaves):
    """The roots of the tree at every size, after comparing the tiles above the leaves with them."""
    tree, roots, row, level = Growing(), {}, leaves, 0
    roots[0] = tree.root()
    for leaf in leaves:
        tree.add(leaf)
        roots[tree.size] = tree.root()
    while len(row) >= WIDTH:
        above = []
        for start in range(0, len(row) - WIDTH + 1, WIDTH):
            part = Growing()
            for node in row[start : start + WIDTH]:
                part.add(node)
            above.append(part.root())
        level += 1
        for number in range(-(-len(above) // WIDTH)):
            nodes = above[number * WIDTH : (number + 1) * WIDTH]
            if read_tile(folder, level, number, len(nodes)) != b"".join(nodes):
                raise Wrong(f"tile {level}/{number} is not what lies below it")
        row = above
    return roots


def check_entries(folder, leaves, say):
    count, erased = 0, set()
    undisclosed = {}
    with (folder / "entries.ndjson").open() as entries, (folder / "disclosures.ndjson").open() as disclosures:
        for line, other in zip(entries, disclosures, strict=True):
            row, shown = json.loads(line), json.loads(other)
            name = f"entry {row['seq']}"
            body = row["entry"].encode()
            count += 1
            if row["seq"] != shown["seq"] or not 0 <= row["seq"] < len(leaves):
                say(name, "is not in its place")
                continue
            if leaf_hash(body) != leaves[row["seq"]]:
                say(name, "is not what was sealed")
                continue
            try:
                missing = check_disclosures(body, shown["disclosures"])
            except (Wrong, ValueError) as error:
                say(name, str(error))
                continue
            value = json.loads(body)
            if missing:
                undisclosed[value["id"]] = name
            if value["kind"] == "ledger.erased":
                erased.update(value["data"]["entries"])
    for identity, name in undisclosed.items():
        if identity not in erased:
            print(f"note: {name} has clear values that are not in this export, and no entry here tells of an erasure")
    return count


def verify_proof(proof, trusted):
    """One entry: who signed, that it is in the ledger, and that what is disclosed of it is true."""
    keys = trusted or [read_key(text) for text in proof["keys"]]
    size, root, _, moment = open_checkpoint(proof["checkpoint"], keys)
    entry = proof["entry"].encode()
    path = [base64.b64decode(step, validate=True) for step in proof["path"]]
    if root_of_path(leaf_hash(entry), proof["seq"], size, path) != root:
        raise Wrong("the entry is not in the ledger that the checkpoint has sealed")
    check_disclosures(entry, proof["disclosures"])
    if proof["verification_id"] != f"ver_{json.loads(entry)['id']}":
        raise Wrong("the entry is that of another decision")
    return f"entry {proof['seq']} of {size} is sealed, {moment}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("export")
    one.add_argument("folder", type=Path)
    one.add_argument("--checkpoint", type=Path, help="a checkpoint that was kept elsewhere")
    one = commands.add_parser("proof")
    one.add_argument("file", type=Path)
    one = commands.add_parser("consistency")
    one.add_argument("old", type=Path)
    one.add_argument("new", type=Path)
    one.add_argument("answer", type=Path)
    for known in commands.choices.values():
        known.add_argument("--key", action="append", help="a public key that you trust; without it those in the files")
    options = parser.parse_args(arguments)
    found = []

    def say(what, why):
        found.append(what)
        print(f"{what}: {why}")

    try:
        trusted = [read_key(text) for text in options.key or []]
        if options.command == "export":
            kept = options.checkpoint.read_text() if options.checkpoint else None
            count = verify_export(options.folder, trusted, kept, say)
            verdict = f"{count} entries verified" if not found else f"{len(found)} things are wrong"
        elif options.command == "proof":
            verdict = verify_proof(json.loads(options.file.read_text()), trusted)
        else:
            if not trusted:
                raise Wrong("name the key that you trust with --key")
            old_size, old_root, _, _ = open_checkpoint(options.old.read_text(), trusted)
            new_size, new_root, _, _ = open_checkpoint(options.new.read_text(), trusted)
            path = [base64.b64decode(step) for step in json.loads(options.answer.read_text())["hashes"]]
            check_consistency(old_size, old_root, new_size, new_root, path)
            verdict = f"the ledger of {old_size} entries is the beginning of that of {new_size}"
    except InvalidSignature:
        say(options.command, "a signature does not verify")
    except (Wrong, OSError, ValueError, KeyError, TypeError) as error:
        say(options.command, f"{type(error).__name__}: {error}" if not isinstance(error, Wrong) else str(error))
    if found:
        return 1
    if not options.key:
        print("note: the keys were taken from the files themselves; compare them with the key that you have kept")
    print(f"OK: {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
