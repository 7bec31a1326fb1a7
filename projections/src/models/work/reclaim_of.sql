SELECT MIN(due_at) AS due_at FROM work_deadline WHERE tenant_id = $1 AND generation = $2 AND customer = $3 AND rule LIKE 'reclaim:%'
