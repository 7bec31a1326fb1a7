SELECT t.task, t.customer, t.name, t.title_zh, t.title_en, t.role, t.due_at, t.rule, t.cause, t.journey, t.stage,
       t.process, t.state, c.owner_kind, c.owner_id, c.closed
FROM work_task t
JOIN work_customer c ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = t.customer
WHERE t.tenant_id = $1 AND t.generation = $2
  AND (t.due_at > $3 OR (t.due_at = $3 AND t.task > $4))
  AND (t.state = $5 OR $5 IS NULL) AND (t.role = $6 OR $6 IS NULL) AND (t.customer = $7 OR $7 IS NULL)
  AND ((c.owner_kind = 'rep' AND c.owner_id = $8) OR $8 IS NULL)
  AND t.due_at >= $9 AND t.due_at < $10
  AND (t.state <> 'open' OR c.closed = 0)
  AND (replace($12, $14 || c.region || $14, '') <> $12 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($13, $14 || c.owner_id || $14, '') <> $13) OR $12 IS NULL)
  AND (c.closed = 0 OR $12 IS NULL)
  AND ((SELECT replace($15, $16 || b.sub_status || $16, '') FROM board_card b
        WHERE b.tenant_id = $1 AND b.generation = $17 AND b.customer = t.customer AND b.pipeline = t.journey) <> $15
       OR $15 IS NULL)
ORDER BY t.due_at, t.task
LIMIT $11
