-- Each comparison comes first: PostgreSQL learns from it of which type the bind is.
SELECT a.approval, a.customer, a.pipeline, a.stage_from, a.stage_to, a.status, a.requested_by,
  a.requested_at, a.effective_at, a.expires_at, a.roles, a.settled_by, a.settled_at, a.position
FROM board_approval a
JOIN board_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = a.customer AND c.erased = 0
WHERE a.tenant_id = $1 AND a.generation = $2 AND a.position > $3
  AND (a.status = $4 OR $4 IS NULL) AND (a.customer = $5 OR $5 IS NULL) AND (a.pipeline = $6 OR $6 IS NULL)
  AND (replace($8, $10 || c.region || $10, '') <> $8 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($9, $10 || c.owner_id || $10, '') <> $9) OR $8 IS NULL)
  AND (c.merged_into IS NULL OR $8 IS NULL)
ORDER BY a.position
LIMIT $7
