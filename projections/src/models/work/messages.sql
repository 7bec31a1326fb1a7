-- Messages before a place, the newest first, of somebody: those for the owner and, since then, for those whom somebody stands in
-- for, for the owner's team, for those who fill a role in it, and for those who lead it.
SELECT m.position, m.n, m.message, m.kind, m.customer, m.journey, m.actor, m.owner_kind, m.owner_id, m.role, m.stage_from,
       m.stage_to, m.sub_status, m.reason, m.text_zh, m.text_en, m.at
FROM work_message m
LEFT JOIN work_customer c
  ON c.tenant_id = $1 AND c.generation = $2 AND c.customer = m.customer
WHERE m.tenant_id = $1 AND m.generation = $2 AND (m.position < $3 OR (m.position = $3 AND m.n < $4)) AND m.position > $5
  AND m.actor <> $6
  AND ((m.role = 'rep' AND m.owner_kind = 'rep' AND m.owner_id = $7)
       OR (m.role = 'rep' AND m.owner_kind = 'rep' AND m.at >= $20 AND replace($19, $12 || m.owner_id || $12, '') <> $19)
       OR (m.role = 'team' AND replace($8, $12 || m.owner_id || $12, '') <> $8)
       OR (m.role <> 'rep' AND m.role <> 'team' AND replace($9, $12 || m.owner_id || $12, '') <> $9)
       OR replace($21, $12 || m.role || '/' || m.owner_id || $12, '') <> $21
       OR (m.role <> 'rep' AND m.role <> 'team' AND $10 = '1')
       OR (m.owner_kind = 'pool' AND $10 = '1'))
  AND (replace($13, $15 || c.region || $15, '') <> $13 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($14, $15 || c.owner_id || $15, '') <> $14) OR $13 IS NULL)
  AND (c.closed = 0 OR c.closed IS NULL OR $13 IS NULL)
  AND ((SELECT replace($16, $17 || b.sub_status || $17, '') FROM board_card b
        WHERE b.tenant_id = $1 AND b.generation = $18 AND b.customer = m.customer AND b.pipeline = m.journey) <> $16
       OR $16 IS NULL)
ORDER BY m.position DESC, m.n DESC
LIMIT $11
