"""messaging: what users are told, on every channel, and the record of its delivery."""
