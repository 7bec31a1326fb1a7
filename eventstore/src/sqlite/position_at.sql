-- The last position recorded at or before ?2, by halving: recorded_at never decreases along the positions.
WITH RECURSIVE search (low, high) AS (
    SELECT 0, coalesce((SELECT h.position FROM log_head AS h WHERE h.tenant_id = ?1), 0)
    UNION ALL
    SELECT
        iif(known, middle, low),
        iif(known, high, middle - 1)
    FROM (
        SELECT
            low,
            high,
            (low + high + 1) / 2 AS middle,
            (
                SELECT e.recorded_at <= ?2
                FROM event AS e
                WHERE e.tenant_id = ?1 AND e.position = (low + high + 1) / 2
            ) AS known
        FROM search
        WHERE low < high
    )
)
SELECT low AS position FROM search WHERE low >= high
