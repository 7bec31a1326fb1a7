SELECT a.approval, a.customer, a.pipeline, a.stage_from, a.stage_to, a.status, a.requested_by,
  a.requested_at, a.effective_at, a.expires_at, a.roles, a.settled_by, a.settled_at, a.position,
  a.command, a.agent, a.model, a.model_version
FROM board_approval a
WHERE a.tenant_id = $1 AND a.generation = $2 AND a.approval IN
