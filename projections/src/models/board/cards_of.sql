SELECT c.customer, c.stage, c.sub_status, c.entered_at, c.last_at, c.pipeline_version, k.owner_kind, k.owner_id, k.tier,
       k.amount, k.currency, k.source, k.channel, k.tags, {k.texts}
FROM board_card c
JOIN board_customer k
  ON k.tenant_id = $1 AND k.generation = c.generation AND k.customer = c.customer
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.pipeline = $3 AND k.merged_into IS NULL AND k.erased = 0
  AND (c.stage, c.entered_at, c.customer) > ($4, $5, $6)
ORDER BY c.stage, c.entered_at, c.customer
LIMIT $7
