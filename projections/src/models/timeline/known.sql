SELECT *
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND customer = $3
  AND known_from <= $4 AND (known_until IS NULL OR known_until > $4)
ORDER BY position
