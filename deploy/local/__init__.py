"""The whole mesh on one machine, without a container engine."""
