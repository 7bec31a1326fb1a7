-- A page of the log in one row, because the driver's work for a row costs more than reading an entry. Binds: the tenant,
-- the position before the first entry, how many entries at most.
SELECT
    json_group_array(json_array(position, recorded_at, octet_length(entry))) AS labels,
    CAST(group_concat(CAST(entry AS TEXT), '') AS BLOB) AS entries
FROM (
    SELECT position, recorded_at, entry
    FROM event
    WHERE tenant_id = ?1 AND position > ?2
    ORDER BY position
    LIMIT ?3
);
