-- What the calendar set off is about nobody, and everybody's.
SELECT r.rule, COUNT(*) AS runs, COUNT(r.skipped) AS skipped, MAX(r.due_at) AS last_due_at, MAX(r.position)
FROM work_run r
LEFT JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = r.customer
WHERE r.tenant_id = $1 AND r.generation = $2 AND r.journey = $3
  AND (replace($4, $6 || c.region || $6, '') <> $4 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($5, $6 || c.owner_id || $6, '') <> $5) OR $4 IS NULL)
GROUP BY r.rule
ORDER BY r.rule
