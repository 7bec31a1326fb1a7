SELECT customer, created_position, owner_kind, owner_id, tier, source, channel, tags, {texts}, at_risk,
  merged_into, withdrawn, erased, value_order, search_text, search_contacts
FROM board_customer
WHERE tenant_id = $1 AND generation = $2 AND customer > $3
ORDER BY customer
LIMIT $4
