-- The last position recorded at or before an instant, by halving: recorded_at never decreases along the positions.
-- Binds: the tenant, the instant.
WITH RECURSIVE search (low, high) AS (
    SELECT 0::bigint, h.position
    FROM log_head AS h
    WHERE h.tenant_id = $1
    UNION ALL
    SELECT
        CASE WHEN middle.recorded_at <= $2 THEN middle.position ELSE s.low END,
        CASE WHEN middle.recorded_at <= $2 THEN s.high ELSE middle.position - 1 END
    FROM search AS s
    CROSS JOIN LATERAL (
        SELECT e.position, e.recorded_at
        FROM event AS e
        WHERE e.tenant_id = $1 AND e.position = (s.low + s.high + 1) / 2
        LIMIT 1
    ) AS middle
    WHERE s.low < s.high
)
SELECT s.low AS position FROM search AS s WHERE s.low = s.high
