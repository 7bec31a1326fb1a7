CREATE INDEX IF NOT EXISTS event_tag_by_blind_subject ON event_tag (tenant_id, blind_subject)
WHERE blind_subject IS NOT NULL;
