-- The events of a batch. ?3: JSON array of [type, offset, length]; ?4, ?5, ?6: ids, leaf hashes and entries, each
-- kind concatenated. ?2 is the position before the first, ?7 the instant of recording.
INSERT INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry)
SELECT
    ?1,
    ?2 + 1 + e.key,
    substr(?4, 1 + 16 * e.key, 16),
    e.value ->> 0,
    ?7,
    substr(?5, 1 + 32 * e.key, 32),
    substr(?6, 1 + (e.value ->> 1), e.value ->> 2)
FROM json_each(?3) AS e
