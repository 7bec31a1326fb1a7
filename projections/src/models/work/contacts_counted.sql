-- How many customers `contacts.sql` lists on all pages: those of each of its two spans of time, by an index each.
SELECT COUNT(*) AS total
FROM (
    SELECT c.customer
    FROM work_customer c
    WHERE c.tenant_id = $1 AND c.generation = $2 AND c.closed = 0 AND c.owner_kind = 'rep'
      AND c.next_at >= $3 AND c.next_at < $4
      AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
      AND (c.next_at < $7 OR c.next_at > $8 OR c.next_at IS NULL OR $7 IS NULL)
      AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
           OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
      AND ((SELECT replace($12, $13 || b.sub_status || $13, '') FROM board_card b
            WHERE b.tenant_id = $1 AND b.generation = $14 AND b.customer = c.customer AND b.pipeline = c.journey) <> $12
           OR $12 IS NULL)
    UNION ALL
    SELECT c.customer
    FROM work_customer c
    WHERE c.tenant_id = $1 AND c.generation = $2 AND c.closed = 0
      AND c.touched_at < $5 AND (c.next_at < $3 OR c.next_at >= $4 OR c.next_at IS NULL OR c.owner_kind <> 'rep')
      AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
      AND (c.next_at < $7 OR c.next_at > $8 OR c.next_at IS NULL OR $7 IS NULL)
      AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
           OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
      AND ((SELECT replace($12, $13 || b.sub_status || $13, '') FROM board_card b
            WHERE b.tenant_id = $1 AND b.generation = $14 AND b.customer = c.customer AND b.pipeline = c.journey) <> $12
           OR $12 IS NULL)
) w
