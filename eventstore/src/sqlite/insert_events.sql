-- The events of a batch. Binds: the tenant, the position before the first, the ids (each kind concatenated), the
-- instant of recording, the leaf hashes, the entries, and a JSON array of [type, offset, length].
INSERT OR ROLLBACK INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry)
SELECT
    ?,
    ? + 1 + e.key,
    substr(?, 1 + 16 * e.key, 16),
    e.value ->> 0,
    ?,
    substr(?, 1 + 32 * e.key, 32),
    substr(?, 1 + (e.value ->> 1), e.value ->> 2)
FROM json_each(?) AS e;
