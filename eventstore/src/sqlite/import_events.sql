-- Entries of another store. Binds: the tenant, the entries one after the other, a JSON array of [position, id in
-- hexadecimal, type, instant, leaf hash in hexadecimal, offset, length].
INSERT OR ROLLBACK INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry)
SELECT
    b.tenant_id,
    e.value ->> 0,
    unhex(e.value ->> 1),
    e.value ->> 2,
    e.value ->> 3,
    unhex(e.value ->> 4),
    substr(b.entries, 1 + (e.value ->> 5), e.value ->> 6)
FROM (SELECT ? AS tenant_id, ? AS entries) AS b
CROSS JOIN json_each(?) AS e;
