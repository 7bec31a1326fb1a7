#!/usr/bin/env python3
"""Checks an archive of GET /v1/audit/bundle without the service, its database or a secret.

    verify.py ARCHIVE.tar.gz --public-key KEY

KEY is the public key (name+id+key), or a file with it. In a file with several every one is believed. Needs Python 3.9 and the package `cryptography`, nothing else. The
format is described in docs/audit-format.md. Exit codes, as those of `waymark verify`: 0 sound, 1 tampered, 3 bad signature,
4 incomplete, 5 could not be checked, 64 wrong usage.
"""

import argparse
import base64
import binascii
import datetime
import hashlib
import itertools
import json
import math
import re
import sys
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "waymark/bundle@v1"
ENTRIES_PER_FILE = 256
LARGEST_ENTRY = 65_535
LARGEST_FILE = ENTRIES_PER_FILE * (LARGEST_ENTRY + 1)
DEEPEST = 127
IN_ANY_CASE = ("README.md", "keys", "checkpoint", "proof")
CHANGE = "signing_key.rotated"
INSTALLATION = "waymark"
ED25519 = b"\x01"

TAMPERED, BAD_SIGNATURE, INCOMPLETE, NOT_CHECKED, USAGE = 1, 3, 4, 5, 64

BLOCK = 512
ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})Z")


class Flaw(Exception):
    """What is wrong: an exit code, the file in which it is, and what it is."""

    def __init__(self, code, file, what):
        word = {1: "tampered", 3: "bad signature", 4: "incomplete", 5: "could not be checked"}[code]
        super().__init__(f"{word}: {file}: {what}" if file else f"{word}: {what}")
        self.code = code


# Signed notes (C2SP signed-note) ---------------------------------------------------------------------------------------


def parse_key(text):
    """The name and the 32 bytes of a public key in the form name+id+key; None where it is none."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        return None
    name, key_id, encoded = parts
    key = decoded(encoded)
    if key and len(key) == 33 and key[:1] == ED25519 and key_id_of(name, key[1:]).hex() == key_id:
        return name, key[1:]
    return None


def read_keys(given, origin):
    """The public keys of the log of this name: its own, or else the installation's."""
    try:
        with open(given, encoding="utf-8", newline="\n") as file:
            given = file.read()
    except (OSError, ValueError):
        pass  # It is the key itself.
    keys = [key for key in (parse_key(line.strip()) for line in given.split("\n")) if key]
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


def number(text):
    """A number of a manifest or a checkpoint: digits, no leading zeroes, below 2^63. None where it is none."""
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text) or int(text) >= 2**63:
        return None
    return int(text)


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
    """The text of a signed note, once a signature by this key under the name of the log is found good."""
    text, blank, signatures = note.rpartition("\n\n")
    malformed = Flaw(BAD_SIGNATURE, file, "it is not a signed note")
    if not blank or not signatures.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise malformed
    text, own = text + "\n", []
    # Every line has to be a signature, also behind a valid one of the key: nothing else stands in a note.
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not parts[1]:
            raise malformed
        signed = decoded(parts[2])
        if signed is None or len(signed) <= 4:
            raise malformed
        if parts[1] == origin and signed[:4] == key_id_of(origin, key):
            own.append(signed[4:])
    if not any(is_signature(key, signature, text) for signature in own):
        what = "the signature does not verify" if own else "not signed by the expected key"
        raise Flaw(BAD_SIGNATURE, file, what)
    return text


def is_signature(key, signature, text):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def read_checkpoint(file, note, origin, key):
    """The origin, the size and the root of a signed checkpoint."""
    lines = open_note(file, note, origin, key).split("\n")
    if len(lines) > 3 and lines[0]:
        size, root = number(lines[1]), decoded(lines[2])
        if size is not None and root is not None and len(root) == 32:
            return lines[0], size, root
    raise Flaw(BAD_SIGNATURE, file, "it is not a signed checkpoint")


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


class Stream:
    """What the one gzip member of a file holds. EOFError where it breaks off."""

    def __init__(self, file):
        self.file, self.inflate, self.held = file, zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
        header = file.read(10)
        if len(header) < 10 or header[:3] != b"\x1f\x8b\x08" or header[3] & 0xE0:
            raise ValueError("it does not begin as gzip does")
        flags = header[3]
        if flags & 0x04:
            file.read(int.from_bytes(file.read(2), "little"))
        for text in (0x08, 0x10):
            while flags & text and file.read(1) not in (b"\0", b""):
                pass
        if flags & 0x02:
            file.read(2)

    def piece(self):
        """The next piece; empty at the end of the stream."""
        while not self.inflate.eof:
            packed = self.inflate.unconsumed_tail or self.file.read(65_536)
            piece = self.inflate.decompress(packed, 65_536)
            if piece:
                return piece
            if not packed:
                raise EOFError("the stream has no end")
        return b""

    def exactly(self, count):
        """The next bytes, as many as these."""
        while len(self.held) < count:
            piece = self.piece()
            if not piece:
                raise EOFError("the archive has no end")
            self.held += piece
        taken = bytes(self.held[:count])
        del self.held[:count]
        return taken

    def finish(self):
        """Passes over what is left."""
        while self.piece():
            pass


def octal(field):
    found = re.fullmatch(rb" *([0-7]+)[ \0]*", field)
    return int(found[1], 8) if found else None


def read_header(header):
    """The name, the size and the kind of a file."""
    total = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    size = octal(header[124:136])
    name, prefix = (header[at].split(b"\0")[0].decode() for at in (slice(0, 100), slice(345, 500)))
    is_ustar = header[257:263] == b"ustar\0" or header[257:263] == b"ustar " and not prefix
    if octal(header[148:156]) != total or not is_ustar or size is None:
        raise ValueError("a header is not one of ustar")
    return f"{prefix}/{name}" if prefix else name, size, header[156:157]


def read_files(stream):
    """Every file with its bytes."""
    files = {}
    while any(header := stream.exactly(BLOCK)):
        name, size, kind = read_header(header)
        if kind not in (b"0", b"\0"):
            raise Flaw(TAMPERED, name, "it is no plain file")
        if size > LARGEST_FILE:
            raise Flaw(TAMPERED, name, f"it is larger than {LARGEST_FILE} bytes")
        content = stream.exactly(size)
        stream.exactly(-size % BLOCK)
        if name in files:
            raise Flaw(TAMPERED, name, "it is there twice")
        files[name] = content
    stream.finish()
    return files


def read_archive(path):
    try:
        with open(path, "rb") as file:
            return read_files(Stream(file))
    except OSError as error:
        raise Flaw(NOT_CHECKED, None, f"{path} cannot be read: {error}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise Flaw(INCOMPLETE, None, f"the archive is broken off or no .tar.gz: {error}") from None


def text_of(files, name):
    if name not in files:
        raise Flaw(INCOMPLETE, name, "it is missing")
    try:
        return files[name].decode()
    except UnicodeDecodeError:
        raise Flaw(TAMPERED, name, "it is not UTF-8") from None


# The entries -----------------------------------------------------------------------------------------------------------


def once_each(members):
    if len(dict(members)) != len(members):
        raise ValueError("a member is given twice")
    return dict(members)


def finite(text):
    if math.isinf(float(text)):
        raise ValueError("a number is too large")
    return float(text)


def whole(text):
    finite(text)
    return int(text)


def no_number(text):
    raise ValueError(f"{text} is no JSON")


def check_value(value, depth=1):
    """Refuses half a surrogate pair in a text, and what is nested too deep."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, (dict, list)):
        if depth > DEEPEST:
            raise ValueError("it is nested too deep")
        inner = itertools.chain(value, value.values()) if isinstance(value, dict) else value
        for part in inner:
            check_value(part, depth + 1)


def read_entry(line):
    """An entry; None where it has not the form of one."""
    if len(line) > LARGEST_ENTRY or b"\n" in line:
        return None
    try:
        entry = json.loads(
            line.decode(),
            object_pairs_hook=once_each,
            parse_float=finite,
            parse_int=whole,
            parse_constant=no_number,
        )
        check_value(entry)
        texts = [entry[name] for name in ("id", "recordedat", "type", "subject", "actor", "time")]
        numbers = [entry[name] for name in ("position", "typeversion")]
        data = entry["data"]
        if not all(type(value) is str for value in texts) or not ID.fullmatch(entry["id"]):
            return None
        if not all(type(value) is int and 1 <= value < 2**63 for value in numbers) or type(data) is not dict:
            return None
        datetime.datetime(*map(int, INSTANT.fullmatch(entry["recordedat"]).groups()))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    return entry


# The changes of the key -----------------------------------------------------------------------------------------------


def read_hashes(files, name):
    lines = text_of(files, name).split("\n")
    hashes = [decoded(line) for line in lines[:-1]]
    if lines[-1] or any(value is None or len(value) != 32 for value in hashes):
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


def rotation_position(name):
    """The position in the name of a file about a change of the key; None where the format has no such name."""
    found = re.fullmatch("rotations/([0-9]{20})/(entry|handover|handover-proof|proof)", name)
    return int(found[1]) if found and int(found[1]) < 2**63 else None


def read_change(files, position, origin):
    """A change of the key, signed by the key before it: its position, its hash as a leaf, the key before it and the one after it."""
    folder = f"rotations/{position:020}/"
    entry = text_of(files, folder + "entry").encode()
    event = read_entry(entry[:-1]) if entry.endswith(b"\n") else None
    keys = []
    if event and event["position"] == position and event["type"] == CHANGE:
        try:
            keys = [parse_key(event["data"][side]["vkey"]) for side in ("replaces", "key")]
        except (AttributeError, KeyError, TypeError):
            keys = []
    if not keys or any(key is None or key[0] != origin for key in keys):
        raise Flaw(TAMPERED, folder + "entry", "it is no change of the key at this position")
    (_, old), (_, new) = keys
    note = folder + "handover"
    said, size, root = read_checkpoint(note, text_of(files, note), origin, old)
    if said != origin:
        raise Flaw(TAMPERED, note, "it is not a checkpoint of this log")
    leaf = leaf_hash(entry[:-1])
    check_leads(files, folder + "handover-proof", position, leaf, size, root)
    return position, leaf, old, new


def read_changes(files, origin):
    """The changes in order up to the first that does not hold, and what is wrong with that one."""
    changes, names = [], sorted(name for name in files if name.startswith("rotations/"))
    for name in names:
        if rotation_position(name) is None:
            return changes, Flaw(TAMPERED, name, "it is no file about a change of the key")
    for position in sorted(set(map(rotation_position, names))):
        try:
            change = read_change(files, position, origin)
        except Flaw as flaw:
            return changes, flaw
        if changes and changes[-1][3] != change[2]:
            name = f"rotations/{position:020}/entry"
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
    manifest = manifest_of(text, origin)
    if manifest is None:
        raise Flaw(TAMPERED, "manifest", "it is not a manifest of this format")
    for name in sorted(manifest["files"]):
        if not may_name(manifest, name):
            raise Flaw(TAMPERED, name, "the format has no such file here")
    return manifest, origin, key, changes, flaw


def manifest_of(text, origin):
    """What a manifest says; None where it has another form."""
    lines = text[:-1].split("\n")
    if len(lines) < 6 or lines[:2] != [FORMAT, f"origin {origin}"]:
        return None
    manifest = {"files": {}}
    for name, line in zip(("from", "to", "size", "root"), lines[2:6]):
        word, _, value = line.partition(" ")
        manifest[name] = decoded(value) if name == "root" else number(value)
        if word != name or manifest[name] is None:
            return None
    for line in lines[6:]:
        parts = line.split(" ", 3)
        if len(parts) != 4 or parts[0] != "file" or not re.fullmatch("[0-9a-f]{64}", parts[1]):
            return None
        size, name = number(parts[2]), parts[3]
        if size is None or name in manifest["files"]:
            return None
        manifest["files"][name] = (size, parts[1])
    fits = 1 <= manifest["from"] <= manifest["to"] <= manifest["size"] and len(manifest["root"]) == 32
    return manifest if fits else None


def entries_position(name):
    """The position in the name of a file of entries; None where the format has no such name."""
    found = re.fullmatch(r"entries/([0-9]{20})\.ndjson", name)
    return int(found[1]) if found else None


def may_name(manifest, name):
    """Whether the format has a file of this name for this stretch."""
    first = entries_position(name)
    if first is not None:
        past = first - manifest["from"]
        return 0 <= past and first <= manifest["to"] and past % ENTRIES_PER_FILE == 0
    return name in IN_ANY_CASE or rotation_position(name) is not None


def expected(manifest):
    """The names of the files that have to be there, whether a key was changed or not."""
    yield from IN_ANY_CASE
    for first in range(manifest["from"], manifest["to"] + 1, ENTRIES_PER_FILE):
        yield f"entries/{first:020}.ndjson"


def compare(files, manifest):
    for name, named in sorted(manifest["files"].items()):
        if name not in files:
            raise Flaw(INCOMPLETE, name, "it is missing")
        if (len(files[name]), hashlib.sha256(files[name]).hexdigest()) != named:
            raise Flaw(TAMPERED, name, "it is not the file of the manifest")
    for name in sorted(files):
        if name != "manifest" and name not in manifest["files"]:
            raise Flaw(TAMPERED, name, "the manifest does not name it")
    for name in expected(manifest):
        if name not in files:
            raise Flaw(INCOMPLETE, name, "it is missing")


def check_checkpoint(files, manifest, origin, key):
    found = read_checkpoint("checkpoint", text_of(files, "checkpoint"), origin, key)
    if found != (origin, manifest["size"], manifest["root"]):
        raise Flaw(TAMPERED, "checkpoint", "it is not the checkpoint of the manifest")


def leaves_of(files, manifest, changed_at):
    """The hashes of all entries, which have to be there one after the other, once each."""
    leaves, ids, position, recorded_at = [], set(), manifest["from"], ""
    while position <= manifest["to"]:
        name = f"entries/{position:020}.ndjson"
        count = min(ENTRIES_PER_FILE, manifest["to"] - position + 1)
        lines = files[name].split(b"\n")
        # What stands behind the last line feed is an entry without one.
        unended = lines.pop()
        if len(lines) + bool(unended) != count:
            raise Flaw(INCOMPLETE, name, f"it has not the {count} entries from position {position} on")
        for line in lines + [None] * bool(unended):
            entry = read_entry(line) if line is not None else None
            what = f"the entry at position {position}"
            if entry is None:
                raise Flaw(TAMPERED, name, f"{what} cannot be read")
            if entry["position"] != position:
                raise Flaw(TAMPERED, name, f"{what} stands at another one")
            if entry["recordedat"] < recorded_at:
                raise Flaw(TAMPERED, name, f"{what} was recorded before the one in front of it")
            if entry["id"] in ids:
                raise Flaw(TAMPERED, name, f"{what} has the id of another one")
            if entry["type"] == CHANGE and position not in changed_at:
                raise Flaw(TAMPERED, name, f"{what} changes the key, and rotations/ has not that change")
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
    leaves = iter(leaves_of(files, manifest, {change[0] for change in changes}))
    proof = iter(read_hashes(files, "proof"))
    try:
        root = root_of(manifest["from"] - 1, manifest["to"], 0, manifest["size"], leaves, proof)
    except StopIteration:
        root = None
    if root != manifest["root"] or next(leaves, None) or next(proof, None):
        raise Flaw(TAMPERED, "proof", "the entries and the proof do not lead to the signed root")
    return origin, manifest


class Usage(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments=None):
    parser = Usage(description="Check an archive of evidence.")
    parser.add_argument("archive")
    parser.add_argument("--public-key", required=True, help="name+id+key, or a file with it")
    asked = parser.parse_args(arguments)
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
