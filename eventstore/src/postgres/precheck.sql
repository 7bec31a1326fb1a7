-- What a batch is checked against besides the head, in one round trip. Binds: the tenant; subjects; the alternatives
-- with tags, a JSON array of {request, after, tag, types, further}; those of types alone, one of {request, after, type}.
-- Asked in a statement of its own after the head is locked: one statement that did both would look at the log as it was
-- before it waited for the lock, and let both of two racers win.
SELECT
    'conflict' AS fact,
    last.position,
    c.request AS number,
    NULL::bytea AS bytes,
    NULL::uuid AS id,
    NULL::uuid AS key_id,
    NULL::boolean AS destroyed
FROM jsonb_to_recordset($3::jsonb) AS c (request bigint, after bigint, tag text, types text [], further text [])
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
SELECT 'conflict', last.position, c.request, NULL, NULL, NULL, NULL
FROM jsonb_to_recordset($4::jsonb) AS c (request bigint, after bigint, type text)
CROSS JOIN LATERAL (
    SELECT e.position
    FROM event AS e
    WHERE e.tenant_id = $1 AND e.type = c.type AND e.position > c.after
    ORDER BY e.position DESC
    LIMIT 1
) AS last
UNION ALL
SELECT 'key', NULL, NULL, k.wrapped, k.subject, k.key_id, k.destroyed
FROM data_key AS k
WHERE k.tenant_id = $1 AND k.subject = ANY ($2)
