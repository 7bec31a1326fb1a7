-- What of a batch is in the log already: outcomes of its commands, and ids of its events. Binds: the tenant; command ids;
-- event ids. Asked after the head is locked, as the other facts are.
SELECT
    'receipt' AS fact,
    r.first_position AS position,
    r.count AS number,
    r.recorded_at,
    r.command_id,
    r.digest AS fixed,
    r.outcome AS bytes,
    NULL::uuid AS id
FROM receipt AS r
WHERE r.tenant_id = $1 AND r.command_id = ANY ($2)
UNION ALL
SELECT 'id', NULL, NULL, NULL, NULL, NULL, NULL, e.id
FROM event AS e
WHERE e.tenant_id = $1 AND e.id = ANY ($3)
