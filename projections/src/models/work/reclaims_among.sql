SELECT customer, due_at FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND rule LIKE 'reclaim:%' AND customer IN
