SELECT position, reminder, customer, owner_kind, owner_id, role, text_zh, text_en, channels, rule, cause, at, n, journey
FROM work_reminder
WHERE tenant_id = $1 AND generation = $2 AND (position < $3 OR (position = $3 AND n < $8))
  AND (role = $4 OR $4 IS NULL) AND ((owner_kind = 'rep' AND owner_id = $5) OR $5 IS NULL)
  AND (customer = $6 OR $6 IS NULL)
ORDER BY position DESC, n DESC
LIMIT $7
