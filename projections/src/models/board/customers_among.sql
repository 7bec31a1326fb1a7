SELECT customer, created_position, version, external_id, name, contacts, fields, owner_kind, owner_id,
  owned_since, tier, amount, currency, source, channel, tags, next_at, next_text, next_text_en, next_said_at, erased, profile, industry,
  region, service_type, touches, merged_into, withdrawn, documents, grace_until, contents, distinct_from,
  looks_since, search_text, search_contacts, tier_order, value_order, at_risk, valid_times, tracked_until
FROM board_customer
WHERE tenant_id = $1 AND generation = $2 AND customer IN
