-- Which tiles are stored. Binds: the tenant.
SELECT level, tile_index
FROM tile
WHERE tenant_id = $1
