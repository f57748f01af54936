"""What an answer shows, as typed results: models, comparisons, estimates, statistics, providers."""
