SELECT customer, deed, actor, coalesce(whom, '') AS whom, count(*) AS count, count(chars) AS measured, CAST(coalesce(sum(chars), 0) AS BIGINT) AS chars
FROM timeline_row
WHERE tenant_id = $1 AND generation = $2 AND deed IN ('follow_up', 'claim', 'release', 'reclaim', 'missed')
  AND known_from <= $3 AND effective_at >= $4 AND effective_at <= $5
GROUP BY customer, deed, actor, coalesce(whom, '')
