SELECT MIN(due_at) AS due_at FROM work_deadline WHERE tenant_id = $1 AND generation = $2 AND due_at > $3
