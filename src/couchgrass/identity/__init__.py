"""Sign-in for apps: tenants, users, tokens; what App ID was. OAuth 2.0 and OpenID Connect."""
