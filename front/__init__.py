"""The door that every request passes: limits, cached answers, refusals, counts. Knows no catalogue."""
