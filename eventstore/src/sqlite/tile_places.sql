-- Which tiles are stored. Bind: the tenant.
SELECT level, tile_index FROM tile WHERE tenant_id = ?1;
