-- Who has stood in a stage for long, the longest first, as far as the list is about them: of owners of a kind, of some
-- tiers without having gone back, silent with nothing planned or overdue.
SELECT c.customer, c.owner_kind, c.owner_id, c.tier, c.next_at, c.last_activity_at, c.created_at, c.touched_at,
       s.journey, s.stage, s.entered_at, s.went_back
FROM work_standing s
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = s.customer AND c.closed = 0
WHERE s.tenant_id = $1 AND s.generation = $2 AND s.journey = $3 AND s.stage = $4 AND s.entered_at <= $5
  AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
  AND (c.next_at < $7 OR c.next_at > $8 OR c.next_at IS NULL OR $7 IS NULL)
  AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
  AND (c.owner_kind = $12 OR $12 IS NULL)
  AND ((s.went_back = 0 AND replace($13, $14 || c.tier || $14, '') <> $13) OR $13 IS NULL)
  AND (c.next_at <= $16
       OR ((c.next_at < $17 OR c.next_at IS NULL) AND s.entered_at <= $15
           AND COALESCE(c.last_activity_at, s.entered_at) <= $15)
       OR $15 IS NULL)
  AND ((SELECT replace($18, $19 || b.sub_status || $19, '') FROM board_card b
        WHERE b.tenant_id = $1 AND b.generation = $20 AND b.customer = s.customer AND b.pipeline = s.journey) <> $18
       OR $18 IS NULL)
  -- What follows is of the page alone; without it, and counted, this is how many there are on all pages.
  AND s.entered_at >= $21
  AND (s.entered_at > $21 OR s.customer > $22 OR (s.customer = $22 AND s.journey > $23))
ORDER BY s.entered_at, s.customer
LIMIT $24
