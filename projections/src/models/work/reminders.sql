SELECT r.position, r.reminder, r.customer, r.owner_kind, r.owner_id, r.role, r.text_zh, r.text_en, r.channels, r.rule,
       r.cause, r.at, r.n, r.journey
FROM work_reminder r
LEFT JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = r.customer
WHERE r.tenant_id = $1 AND r.generation = $2 AND (r.position < $3 OR (r.position = $3 AND r.n < $8))
  AND (r.role = $4 OR $4 IS NULL) AND ((r.owner_kind = 'rep' AND r.owner_id = $5) OR $5 IS NULL
       OR (r.role = 'rep' AND r.owner_kind = 'rep' AND r.at >= $16 AND replace($15, $17 || r.owner_id || $17, '') <> $15))
  AND (r.customer = $6 OR $6 IS NULL)
  AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
  AND (c.closed = 0 OR c.closed IS NULL OR $9 IS NULL)
  AND ((SELECT replace($12, $13 || b.sub_status || $13, '') FROM board_card b
        WHERE b.tenant_id = $1 AND b.generation = $14 AND b.customer = r.customer AND b.pipeline = r.journey) <> $12
       OR $12 IS NULL)
ORDER BY r.position DESC, r.n DESC
LIMIT $7
