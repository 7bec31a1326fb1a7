-- The entries that match any of some alternatives: the first of each, and of those together the first. Binds: the
-- tenant; after which position and up to which; how many; the alternatives with tags, a JSON array of {tag, types,
-- further}; the alternatives of one type alone. Each look-up has its own limit, which also keeps the plan from ever
-- becoming a walk over the log; no plan is made for how large it is (page.sql says why).
SELECT e.position, e.recorded_at, e.entry
FROM (
    SELECT t.position
    FROM jsonb_to_recordset($5::jsonb) AS c (tag text, types text [], further text [])
    CROSS JOIN LATERAL (
        SELECT t.position
        FROM event_tag AS t
        WHERE
            t.tenant_id = $1
            AND t.tag = c.tag
            AND t.position > $2
            AND t.position <= $3
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
        ORDER BY t.position
        LIMIT (SELECT $4::bigint)
    ) AS t
    UNION
    SELECT t.position
    FROM unnest($6::text []) AS c (type)
    CROSS JOIN LATERAL (
        SELECT e.position
        FROM event AS e
        WHERE e.tenant_id = $1 AND e.type = c.type AND e.position > $2 AND e.position <= $3
        ORDER BY e.position
        LIMIT (SELECT $4::bigint)
    ) AS t
    ORDER BY position
    LIMIT $4
) AS found
CROSS JOIN LATERAL (
    SELECT e.position, e.recorded_at, e.entry
    FROM event AS e
    WHERE e.tenant_id = $1 AND e.position = found.position
    LIMIT 1
) AS e
ORDER BY e.position
