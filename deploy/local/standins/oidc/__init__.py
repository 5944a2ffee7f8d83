"""A stand-in for Google's sign-in: an OpenID Connect provider that refuses what a careful provider refuses."""
