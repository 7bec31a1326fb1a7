-- Keeps a signed note; the same size signed again replaces it. Binds: the tenant, the size, the note.
INSERT OR REPLACE INTO checkpoint (tenant_id, size, note)
VALUES (?1, ?2, ?3);
