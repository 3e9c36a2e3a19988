"""The OAuth and OpenID endpoints and the sign-in page."""
