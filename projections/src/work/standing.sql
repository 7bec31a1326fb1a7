SELECT s.customer, c.owner_kind, c.owner_id, c.tier, c.next_at, c.last_activity_at, c.created_at, s.journey, s.stage,
       s.entered_at, s.went_back
FROM work_standing s
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = s.customer AND c.closed = 0
WHERE s.tenant_id = $1 AND s.generation = $2 AND s.journey = $3 AND s.stage = $4 AND s.entered_at <= $5
  AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
  AND (replace($8, $10 || c.region || $10, '') <> $8 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($9, $10 || c.owner_id || $10, '') <> $9) OR $8 IS NULL)
ORDER BY s.entered_at, s.customer
LIMIT $7
