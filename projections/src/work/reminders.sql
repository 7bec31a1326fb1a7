SELECT position, reminder, customer, owner_kind, owner_id, role, text_zh, text_en, channels, rule, cause, at, n, journey
FROM work_reminder
WHERE tenant_id = $1 AND generation = $2 AND (position < $3 OR (position = $3 AND n < $8))
  AND ($4 IS NULL OR role = $4) AND ($5 IS NULL OR (owner_kind = 'rep' AND owner_id = $5))
  AND ($6 IS NULL OR customer = $6)
ORDER BY position DESC, n DESC
LIMIT $7
