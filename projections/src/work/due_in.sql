SELECT customer, rule, cause, due_at
FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND due_at <= $3 AND journey = $4
ORDER BY due_at, customer, rule
LIMIT $5
