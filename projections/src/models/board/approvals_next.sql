SELECT a.expires_at
FROM board_approval a
JOIN board_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = a.customer AND c.erased = 0 AND c.merged_into IS NULL
WHERE a.tenant_id = $1 AND a.generation = $2 AND a.status = 'requested'
ORDER BY a.expires_at
LIMIT 1
