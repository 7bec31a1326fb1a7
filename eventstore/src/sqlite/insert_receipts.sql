-- The receipts of a batch: ?2 is a JSON array of [command id, digest, outcome (both in hexadecimal), first position,
-- count]; ?3 the instant of recording.
INSERT INTO receipt (tenant_id, command_id, digest, outcome, first_position, count, recorded_at)
SELECT
    ?1, r.value ->> 0, unhex(r.value ->> 1), unhex(r.value ->> 2), r.value ->> 3, r.value ->> 4, ?3
FROM json_each(?2) AS r
