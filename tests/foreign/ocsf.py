"""Checks OCSF records against the schema of their makers, and the fingerprint of each against its own text."""

import collections
import hashlib
import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchema
from ocsf_json_schema.embedded import OcsfJsonSchemaEmbedded

# The records of each kind of event that are held to the schema; fingerprints are computed of all.
OF_EACH_KIND = 25

with open(sys.argv[1], encoding="utf-8") as file:
    schema = OcsfJsonSchemaEmbedded(OcsfJsonSchema(json.load(file)))
validators = {}
seen, faults, prints = collections.Counter(), collections.Counter(), 0


def validator(record):
    """What a record of this class and these profiles is held to."""
    profiles = record["metadata"]["profiles"]
    key = (record["class_uid"], tuple(profiles))
    if key not in validators:
        name = schema.lookup_class_name_from_uid(record["class_uid"])
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        found = schema.get_class_schema(name, profiles)
        validators[key] = jsonschema.Draft202012Validator(found, format_checker=checker)
    return validators[key]


def canonical(value):
    """RFC 8785 of documents whose numbers are integers and whose names are ASCII, as these are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


with open(sys.argv[2], encoding="utf-8") as records:
    for line in records:
        record = json.loads(line)
        kind = (record["class_name"], record["metadata"]["event_code"], record["activity_name"])
        seen[kind] += 1
        if seen[kind] <= OF_EACH_KIND:
            for error in validator(record).iter_errors(record):
                place = "/".join(str(part) for part in error.absolute_path)
                faults[(record["class_name"], place, error.message[:200])] += 1
        (attestation,) = record["attestation_list"]
        stated = attestation.pop("fingerprint")["value"]
        prints += stated == hashlib.sha256(canonical(record)).hexdigest()

total = sum(seen.values())
for fault, count in faults.most_common():
    print(count, *fault)
print(f"{total} records of {len(seen)} kinds, {len(faults)} faults, {prints} fingerprints as computed")
sys.exit(bool(faults) or prints != total)
