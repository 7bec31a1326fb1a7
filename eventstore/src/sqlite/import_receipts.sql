-- What another store remembers of commands; what is there stays. Binds: the tenant, a JSON array of [command id, digest,
-- outcome (both in hexadecimal), first position, count, instant].
INSERT INTO receipt (tenant_id, command_id, digest, outcome, first_position, count, recorded_at)
SELECT
    ?,
    r.value ->> 0,
    unhex(r.value ->> 1),
    unhex(r.value ->> 2),
    r.value ->> 3,
    r.value ->> 4,
    r.value ->> 5
FROM json_each(?) AS r
WHERE true
ON CONFLICT (tenant_id, command_id) DO NOTHING;
