-- Where each journey of customers that are there stands, with what lists of work look at, in the order of the customers.
SELECT c.customer, c.owner_kind, c.owner_id, c.tier, c.region, c.next_at, c.last_activity_at, c.created_at, c.touched_at,
       s.journey, s.stage, s.entered_at, s.went_back
FROM work_standing s
JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = s.customer AND c.closed = 0
WHERE s.tenant_id = $1 AND s.generation = $2 AND (s.customer > $3 OR (s.customer = $3 AND s.journey > $4))
ORDER BY s.customer, s.journey
LIMIT $5
