"""Plans made true: reads what regions have, provisions, applies, goes back."""
