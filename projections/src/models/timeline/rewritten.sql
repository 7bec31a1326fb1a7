SELECT position
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed IN ('correction', 'migration') AND journey = $3
  AND position > $4 AND position <= $5
LIMIT 1
