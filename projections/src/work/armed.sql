SELECT rule, COUNT(*), MIN(due_at)
FROM work_deadline
WHERE tenant_id = $1 AND generation = $2 AND journey = $3
GROUP BY rule
ORDER BY rule
