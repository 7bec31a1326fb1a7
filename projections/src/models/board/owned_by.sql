-- What a rep owns, each customer with where it stands in the journey that it is in.
SELECT c.customer, k.pipeline, k.pipeline_version, k.stage
FROM board_customer c
JOIN board_card k
  ON k.tenant_id = $1 AND k.generation = $2 AND k.customer = c.customer
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.owner_kind = 'rep' AND c.owner_id = $3
  AND c.erased = 0 AND c.merged_into IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM board_card l
      WHERE l.tenant_id = $1 AND l.generation = $2 AND l.customer = c.customer AND l.moved_position > k.moved_position
  )
ORDER BY c.customer, k.pipeline
