"""The door of the mesh: Envoy's configuration and the API reference, both derived from the contract's descriptors."""
