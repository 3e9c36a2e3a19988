"""APIs and subscriptions in the region's database."""
