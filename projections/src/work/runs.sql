SELECT rule, COUNT(*), COUNT(skipped), MAX(due_at), MAX(position)
FROM work_run
WHERE tenant_id = $1 AND generation = $2 AND journey = $3
GROUP BY rule
ORDER BY rule
