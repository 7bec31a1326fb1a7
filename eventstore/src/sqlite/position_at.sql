-- The last position recorded at or before ?2, by halving: recorded_at never decreases along the positions.
WITH RECURSIVE search (low, high) AS (
    SELECT 0, coalesce((SELECT h.position FROM log_head AS h WHERE h.tenant_id = ?1), 0)
    UNION ALL
    SELECT
        iif(middle.recorded_at <= ?2, middle.position, search.low),
        iif(middle.recorded_at <= ?2, search.high, middle.position - 1)
    FROM search
    CROSS JOIN event AS middle
        ON middle.tenant_id = ?1 AND middle.position = (search.low + search.high + 1) / 2
    WHERE search.low < search.high
)
SELECT low AS position FROM search WHERE low = high
