-- Each comparison comes first: PostgreSQL learns from it of which type the bind is.
-- What was settled after the instant asked about waited then.
SELECT a.approval, a.customer, a.pipeline, a.stage_from, a.stage_to,
  CASE WHEN a.settled_at > $13 THEN 'requested' ELSE a.status END AS status, a.requested_by,
  a.requested_at, a.effective_at, a.expires_at, a.roles,
  CASE WHEN a.settled_at > $13 THEN NULL ELSE a.settled_by END AS settled_by,
  CASE WHEN a.settled_at > $13 THEN NULL ELSE a.settled_at END AS settled_at, a.position,
  a.command, a.agent, a.model, a.model_version, c.name
FROM board_approval a
JOIN board_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = a.customer AND c.erased = 0
WHERE a.tenant_id = $1 AND a.generation = $2 AND a.position > $3
  AND a.requested_at <= $13 AND a.position <= $14
  AND ((a.status = $4 AND (a.settled_at <= $13 OR a.settled_at IS NULL)) OR (a.settled_at > $13 AND $4 = 'requested') OR $4 IS NULL) AND (a.customer = $5 OR $5 IS NULL) AND (a.pipeline = $6 OR $6 IS NULL)
  AND (replace($8, $10 || c.region || $10, '') <> $8 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($9, $10 || c.owner_id || $10, '') <> $9) OR $8 IS NULL)
  AND (c.merged_into IS NULL OR $8 IS NULL)
  AND ((SELECT replace($11, $12 || b.sub_status || $12, '') FROM board_card b
        WHERE b.tenant_id = $1 AND b.generation = $2 AND b.customer = a.customer AND b.pipeline = a.pipeline) <> $11
       OR $11 IS NULL)
ORDER BY a.position
LIMIT $7
