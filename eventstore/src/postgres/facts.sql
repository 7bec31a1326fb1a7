-- What bears on a batch, in one way to the server and back. Binds: the tenant; command ids; event ids; subjects; the
-- alternatives with tags, a JSON array of {request, after, tag, types, further}; those of types alone, one of
-- {request, after, type}. Asked in a statement of its own after the head is locked: one statement that did both would
-- look at the log as it was before it waited for the lock, and let both of two racers win.
SELECT
    'receipt' AS fact,
    r.first_position AS position,
    r.count AS number,
    r.recorded_at,
    r.command_id,
    r.digest AS fixed,
    r.outcome AS bytes,
    NULL::uuid AS id,
    NULL::uuid AS key_id,
    NULL::boolean AS destroyed
FROM receipt AS r
WHERE r.tenant_id = $1 AND r.command_id = ANY ($2)
UNION ALL
SELECT 'id', NULL, NULL, NULL, NULL, NULL, NULL, e.id, NULL, NULL
FROM event AS e
WHERE e.tenant_id = $1 AND e.id = ANY ($3)
UNION ALL
SELECT 'key', NULL, NULL, NULL, NULL, NULL, k.wrapped, k.subject, k.key_id, k.destroyed
FROM data_key AS k
WHERE k.tenant_id = $1 AND k.subject = ANY ($4)
UNION ALL
SELECT 'conflict', last.position, c.request, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM jsonb_to_recordset($5::jsonb) AS c (request bigint, after bigint, tag text, types text [], further text [])
CROSS JOIN LATERAL (
    SELECT t.position
    FROM event_tag AS t
    WHERE
        t.tenant_id = $1
        AND t.tag = c.tag
        AND t.position > c.after
        AND (c.types = '{}' OR t.type = ANY (c.types))
        AND NOT EXISTS (
            SELECT 1
            FROM unnest(c.further) AS f (tag)
            WHERE NOT EXISTS (
                SELECT 1
                FROM event_tag AS o
                WHERE o.tenant_id = $1 AND o.tag = f.tag AND o.position = t.position
            )
        )
    ORDER BY t.position DESC
    LIMIT 1
) AS last
UNION ALL
SELECT 'conflict', last.position, c.request, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM jsonb_to_recordset($6::jsonb) AS c (request bigint, after bigint, type text)
CROSS JOIN LATERAL (
    SELECT e.position
    FROM event AS e
    WHERE e.tenant_id = $1 AND e.type = c.type AND e.position > c.after
    ORDER BY e.position DESC
    LIMIT 1
) AS last
