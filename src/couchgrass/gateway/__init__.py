"""The API gateway: public URLs in front of web actions, as OpenWhisk's gateway has them."""
