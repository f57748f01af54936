"""Who may ask and how often: API keys, limits, and secrets that stay out of logs. Knows no catalogue."""
