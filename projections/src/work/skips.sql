SELECT customer, rule, cause, due_at, skipped, position
FROM work_run
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND skipped IS NOT NULL
ORDER BY position DESC
LIMIT $4
