-- Those who were registered by a position, as far as they are seen now, with whose they are now, and whether they are forgotten.
SELECT c.customer, c.created_position, c.owner_kind, c.owner_id, c.erased
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.created_position > $3 AND c.created_position <= $4
  AND (replace($5, $7 || c.region || $7, '') <> $5 OR c.region IS NULL
       OR (c.owner_kind = 'rep' AND replace($6, $7 || c.owner_id || $7, '') <> $6) OR $5 IS NULL)
