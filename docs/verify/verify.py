#!/usr/bin/env python3
"""Checks an archive of GET /v1/audit/bundle without the service, its database or a secret.

    verify.py ARCHIVE.tar.gz --public-key KEY

KEY is the public key (name+id+key), or a file with it. In a file with several every one is believed. Needs Python 3.9 and the package `cryptography`, nothing else. The
format is described in docs/audit-format.md. Exit codes, as those of `waymark verify`: 0 sound, 1 tampered, 3 bad signature,
4 incomplete, 5 could not be checked.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import sys
import tarfile
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "waymark/bundle@v1"
ENTRIES_PER_FILE = 256
LARGEST_FILE = ENTRIES_PER_FILE * 65_536
LONGEST_MANIFEST = 16 * 1024 * 1024
INSTALLATION = "waymark"
ED25519 = b"\x01"

TAMPERED, BAD_SIGNATURE, INCOMPLETE, NOT_CHECKED = 1, 3, 4, 5


class Flaw(Exception):
    """What is wrong: an exit code, the file in which it is, and what it is."""

    def __init__(self, code, file, what):
        word = {1: "tampered", 3: "bad signature", 4: "incomplete", 5: "could not be checked"}[code]
        super().__init__(f"{word}: {file}: {what}" if file else f"{word}: {what}")
        self.code = code


# Signed notes (C2SP signed-note) ---------------------------------------------------------------------------------------


def parse_key(text):
    """The name and the 32 bytes of a public key in the form name+id+key; None where it is none."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        return None
    name, key_id, encoded = parts
    key = decoded(encoded)
    if key and len(key) == 33 and key[:1] == ED25519 and key_id_of(name, key[1:]).hex() == key_id:
        return name, key[1:]
    return None


def read_keys(given, origin):
    """The public keys of the log of this name: its own, or else the installation's."""
    if os.path.exists(given):
        with open(given, encoding="utf-8") as file:
            given = file.read()
    keys = [key for key in map(parse_key, given.splitlines()) if key]
    if not keys:
        raise Flaw(NOT_CHECKED, None, f"{given.strip()} is no public key (name+id+key)")
    for wanted in (origin, INSTALLATION):
        named = [key for name, key in keys if name == wanted]
        if named:
            return named
    raise Flaw(NOT_CHECKED, None, f"the public key is that of {keys[0][0]}, not of {origin}")


def key_id_of(name, key):
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key).digest()[:4]


def decoded(text):
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # Of several texts that decode to the same bytes one is the right one: bits that are not used are zero.
    return value if base64.b64encode(value).decode() == text else None


def open_by_any(file, note, origin, keys):
    """The text of a signed note and the key that signed it: the first of these that did."""
    flaw = None
    for key in keys:
        try:
            return open_note(file, note, origin, key), key
        except Flaw as found:
            flaw = flaw or found
    raise flaw


def open_note(file, note, origin, key):
    """The text of a signed note, once the signature by this key under the name of the log is found good."""
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise Flaw(BAD_SIGNATURE, file, "it is not a signed note")
    text, own = text + "\n", None
    # Every line has to be a signature, also behind the one that counts: nothing else stands in a note.
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        signed = decoded(parts[2]) if len(parts) == 3 and parts[0] == "\u2014" else None
        if signed is None:
            raise Flaw(BAD_SIGNATURE, file, "it is not a signed note")
        if own is None and parts[1] == origin and signed[:4] == key_id_of(origin, key):
            own = signed[4:]
    if own is None:
        raise Flaw(BAD_SIGNATURE, file, "not signed by the expected key")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(own, text.encode())
    except InvalidSignature:
        raise Flaw(BAD_SIGNATURE, file, "the signature does not verify") from None
    return text


# The Merkle tree (RFC 6962, section 2.1) -------------------------------------------------------------------------------


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(first, end, low, high, leaves, proof):
    """The root over the places low to high (excluded): from the leaves at the places first to end, and the roots beside them."""
    if high <= first or end <= low:
        return next(proof)
    if high - low == 1:
        return next(leaves)
    middle = low + (1 << (high - low - 1).bit_length() - 1)
    left = root_of(first, end, low, middle, leaves, proof)
    return node_hash(left, root_of(first, end, middle, high, leaves, proof))


# The archive -----------------------------------------------------------------------------------------------------------


def read_archive(path):
    """Every file with its bytes."""
    files = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                most = LONGEST_MANIFEST if member.name == "manifest" else LARGEST_FILE
                if member.size > most or not member.isreg():
                    raise Flaw(TAMPERED, member.name, f"it is no plain file of at most {most} bytes")
                if member.name in files:
                    raise Flaw(TAMPERED, member.name, "it is there twice")
                files[member.name] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if not os.path.exists(path):
            raise Flaw(NOT_CHECKED, None, f"{path} cannot be read: {error}") from None
        raise Flaw(INCOMPLETE, None, f"the archive is broken off or no .tar.gz: {error}") from None
    return files


def text_of(files, name):
    if name not in files:
        raise Flaw(INCOMPLETE, name, "it is missing")
    try:
        return files[name].decode()
    except UnicodeDecodeError:
        raise Flaw(TAMPERED, name, "it is not UTF-8") from None


# The changes of the key -----------------------------------------------------------------------------------------------


def read_hashes(files, name):
    hashes = [decoded(line) for line in text_of(files, name).split("\n")[:-1]]
    if any(value is None or len(value) != 32 for value in hashes):
        raise Flaw(TAMPERED, name, "a line is not a hash of 32 bytes in base64")
    return hashes


def check_leads(files, name, position, leaf, size, root):
    """Insists that an entry leads to a root by the proof in a file."""
    leaves, proof = iter([leaf]), iter(read_hashes(files, name))
    try:
        found = root_of(position - 1, position, 0, size, leaves, proof) if 1 <= position <= size else None
    except StopIteration:
        found = None
    if found != root or next(leaves, None) or next(proof, None):
        raise Flaw(TAMPERED, name, "the entry and the proof do not lead to the signed root")


def read_change(files, folder, origin):
    """A change of the key, signed by the key before it: its position, its hash as a leaf, the key before it and the one after it."""
    position = int(folder) if folder.isdecimal() else 0
    name = f"rotations/{position:020}/entry"
    entry = text_of(files, name)
    odd = Flaw(TAMPERED, name, "it is no change of the key at this position")
    try:
        event = json.loads(entry[:-1])
        keys = [parse_key(event["data"][side]["vkey"]) for side in ("replaces", "key")]
        if not entry.endswith("\n") or event["position"] != position or event["type"] != "signing_key.rotated":
            raise odd
    except (AttributeError, KeyError, TypeError, ValueError):
        raise odd from None
    if any(key is None or key[0] != origin for key in keys):
        raise odd
    (_, old), (_, new) = keys
    note = f"rotations/{position:020}/handover"
    lines = open_note(note, text_of(files, note), origin, old).split("\n")
    if lines[0] != origin or len(lines) < 4 or not lines[1].isdecimal():
        raise Flaw(TAMPERED, note, "it is not a checkpoint of this log")
    leaf = leaf_hash(entry[:-1].encode())
    check_leads(files, f"rotations/{position:020}/handover-proof", position, leaf, int(lines[1]), decoded(lines[2]))
    return position, leaf, old, new


def read_changes(files, origin):
    """The changes in order up to the first that does not hold, and what is wrong with that one."""
    folders = sorted({name.split("/")[1] for name in files if name.startswith("rotations/") and name.count("/") > 1})
    changes = []
    for folder in folders:
        try:
            change = read_change(files, folder, origin)
        except Flaw as flaw:
            return changes, flaw
        if changes and (changes[-1][3] != change[2] or changes[-1][0] >= change[0]):
            name = f"rotations/{change[0]:020}/entry"
            return changes, Flaw(TAMPERED, name, "it does not change the key that signed before")
        changes.append(change)
    return changes, None


def signing_keys(changes, flaw, believed):
    """By which keys the archive may be signed, for someone who believes these: the last one, where one of them leads to it."""
    leads = any(old in believed or new in believed for _, _, old, new in changes)
    return [changes[-1][3]] if leads and flaw is None else believed


# The manifest ----------------------------------------------------------------------------------------------------------


def read_manifest(files, given):
    note = text_of(files, "manifest")
    lines = note.split("\n")
    if len(lines) < 2 or not lines[1].startswith("origin "):
        raise Flaw(TAMPERED, "manifest", "it is not a manifest of this format")
    origin = lines[1][len("origin "):]
    believed = read_keys(given, origin)
    changes, flaw = read_changes(files, origin)
    try:
        text, key = open_by_any("manifest", note, origin, signing_keys(changes, flaw, believed))
    except Flaw as unsigned:
        # A change of the key that does not hold leads to no key that could have signed it.
        raise flaw or unsigned
    lines = text[:-1].split("\n")
    try:
        if lines[0] != FORMAT:
            raise ValueError
        fields = dict(line.split(" ", 1) for line in lines[1:6])
        manifest = {name: int(fields[name]) for name in ("from", "to", "size")}
        manifest["root"] = decoded(fields["root"])
        manifest["files"] = {}
        for line in lines[6:]:
            word, digest, size, name = line.split(" ", 3)
            if word != "file":
                raise ValueError
            manifest["files"][name] = (int(size), digest)
        if not 1 <= manifest["from"] <= manifest["to"] <= manifest["size"]:
            raise ValueError
    except (KeyError, ValueError):
        raise Flaw(TAMPERED, "manifest", "it is not a manifest of this format") from None
    return manifest, origin, key, changes, flaw


def compare(files, manifest):
    for name, expected in manifest["files"].items():
        if name not in files:
            raise Flaw(INCOMPLETE, name, "it is missing")
        if (len(files[name]), hashlib.sha256(files[name]).hexdigest()) != expected:
            raise Flaw(TAMPERED, name, "it is not the file of the manifest")
    for name in files:
        if name != "manifest" and name not in manifest["files"]:
            raise Flaw(TAMPERED, name, "the manifest does not name it")


def check_checkpoint(files, manifest, origin, key):
    text = open_note("checkpoint", text_of(files, "checkpoint"), origin, key)
    lines = text.split("\n")
    root = base64.b64encode(manifest["root"] or b"").decode()
    if lines[:3] != [origin, str(manifest["size"]), root]:
        raise Flaw(TAMPERED, "checkpoint", "it is not the checkpoint of the manifest")


def leaves_of(files, manifest):
    """The hashes of all entries, which have to be there one after the other, once each."""
    leaves, ids, position, recorded_at = [], set(), manifest["from"], ""
    while position <= manifest["to"]:
        name = f"entries/{position:020}.ndjson"
        count = min(ENTRIES_PER_FILE, manifest["to"] - position + 1)
        lines = files.get(name, b"").split(b"\n")
        if lines.pop() != b"" or len(lines) != count:
            raise Flaw(INCOMPLETE, name, f"it has not the {count} entries from position {position} on")
        for line in lines:
            entry = json.loads(line)
            if entry["position"] != position:
                raise Flaw(TAMPERED, name, f"the entry at position {position} stands at another one")
            if entry["recordedat"] < recorded_at:
                raise Flaw(TAMPERED, name, f"the entry at position {position} was recorded before the one in front of it")
            if entry["id"] in ids:
                raise Flaw(TAMPERED, name, f"the entry at position {position} has the id of another one")
            ids.add(entry["id"])
            recorded_at = entry["recordedat"]
            leaves.append(leaf_hash(line))
            position += 1
    return leaves


def check(path, given):
    files = read_archive(path)
    manifest, origin, key, changes, flaw = read_manifest(files, given)
    compare(files, manifest)
    check_checkpoint(files, manifest, origin, key)
    if flaw:
        raise flaw
    for position, leaf, _, _ in changes:
        check_leads(files, f"rotations/{position:020}/proof", position, leaf, manifest["size"], manifest["root"])
    leaves = iter(leaves_of(files, manifest))
    proof = iter(read_hashes(files, "proof"))
    try:
        root = root_of(manifest["from"] - 1, manifest["to"], 0, manifest["size"], leaves, proof)
    except StopIteration:
        root = None
    if root != manifest["root"] or next(leaves, None) or next(proof, None):
        raise Flaw(TAMPERED, "proof", "the entries and the proof do not lead to the signed root")
    return origin, manifest


def main():
    parser = argparse.ArgumentParser(description="Check an archive of evidence.")
    parser.add_argument("archive")
    parser.add_argument("--public-key", required=True, help="name+id+key, or a file with it")
    asked = parser.parse_args()
    try:
        origin, manifest = check(asked.archive, asked.public_key)
    except Flaw as flaw:
        print(flaw, file=sys.stderr)
        return flaw.code
    first, last, size = manifest["from"], manifest["to"], manifest["size"]
    print(f"sound: {last - first + 1} of {size} entries of {origin}, positions {first} to {last}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
