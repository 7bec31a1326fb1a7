-- The last event that each alternative forbids. Binds: the tenant, a JSON array of [request, after, tag, [types],
-- [further tags]]. MATERIALIZED asks for each position once, though it is used twice below.
WITH batch (tenant_id) AS (VALUES (?)),
found AS MATERIALIZED (
    SELECT
        c.value ->> 0 AS request,
        (
            SELECT t.position
            FROM event_tag AS t
            WHERE t.tenant_id = b.tenant_id
                AND t.tag = c.value ->> 2
                AND t.position > c.value ->> 1
                AND (
                    json_array_length(c.value, '$[3]') = 0
                    OR t.type IN (SELECT wanted.value FROM json_each(c.value, '$[3]') AS wanted)
                )
                AND NOT EXISTS (
                    SELECT 1
                    FROM json_each(c.value, '$[4]') AS further
                    WHERE NOT EXISTS (
                        SELECT 1
                        FROM event_tag AS o
                        WHERE o.tenant_id = b.tenant_id AND o.tag = further.value AND o.position = t.position
                    )
                )
            ORDER BY t.position DESC
            LIMIT 1
        ) AS position
    FROM batch AS b CROSS JOIN json_each(?) AS c
)
SELECT 'conflict' AS fact, request, position FROM found WHERE position IS NOT NULL;
