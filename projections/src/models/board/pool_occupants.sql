-- How many customers of a pipeline each pool holds: those whose last moved journey is in it.
SELECT c.owner_id, count(*) AS customers
FROM board_customer c
JOIN board_card k
  ON k.tenant_id = $1 AND k.generation = $2 AND k.customer = c.customer AND k.pipeline = $3
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.owner_kind = 'pool' AND c.erased = 0 AND c.merged_into IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM board_card l
      WHERE l.tenant_id = $1 AND l.generation = $2 AND l.customer = c.customer AND l.moved_position > k.moved_position
  )
GROUP BY c.owner_id
ORDER BY c.owner_id
