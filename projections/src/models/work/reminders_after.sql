SELECT position, reminder, customer, owner_kind, owner_id, role, text_zh, text_en, channels, rule, cause, at, n, journey
FROM work_reminder
WHERE tenant_id = $1 AND generation = $2 AND position > $3
ORDER BY position, n
LIMIT $4
