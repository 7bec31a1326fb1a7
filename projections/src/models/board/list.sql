SELECT c.customer, c.created_position, c.version, c.external_id, c.name, c.contacts, c.fields, c.owner_kind,
  c.owner_id, c.owned_since, c.tier, c.amount, c.currency, c.source, c.channel, c.tags, c.next_at,
  c.next_text, c.next_said_at, c.erased, c.profile, c.industry, c.region, c.service_type, c.touches, c.merged_into, c.withdrawn,
  c.documents, c.grace_until, c.contents, c.distinct_from, c.looks_since, c.search_text,
  c.search_contacts, c.tier_order, c.value_order, c.at_risk
FROM board_customer c
WHERE c.tenant_id = $1 AND c.generation = $2 AND c.created_position > $3
