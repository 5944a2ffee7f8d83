"""catalog: what is taught, who teaches it, and which published version of it learners study."""
