"""Everything that puts the mesh on machines."""
