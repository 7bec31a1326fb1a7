SELECT stage, pipeline_version, count(*)
FROM board_card
WHERE tenant_id = $1 AND generation = $2 AND pipeline = $3
GROUP BY stage, pipeline_version
ORDER BY stage, pipeline_version
