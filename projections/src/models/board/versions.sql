SELECT customer, position, effective_at, owner_kind, owner_id, tier, amount, currency, source, channel, tags,
  version, merged, industry, region, postponed_until, contract_end, won_amount, won_currency,
  sub_statuses, expected_close
FROM board_past
WHERE tenant_id = $1 AND generation = $2 AND (customer, position, effective_at) > ($3, $4, $5)
ORDER BY customer, position, effective_at
LIMIT $6
