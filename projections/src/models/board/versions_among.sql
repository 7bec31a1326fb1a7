SELECT customer, position, effective_at, owner_kind, owner_id, tier, amount, currency, source, channel, tags,
  version, merged, industry, region, postponed_until, contract_end, won_amount, won_currency,
  sub_statuses, expected_close
FROM board_past
WHERE tenant_id = $1 AND generation = $2 AND position > $3 AND position <= $4 AND customer IN
