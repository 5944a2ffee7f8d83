"""certification's ports, filled by PostgreSQL, memory, object storage, the renderer and the neighbours."""
