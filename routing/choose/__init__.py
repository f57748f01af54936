"""Which offers may run a request, and in which order. Pure: the clock, chance and what is known of health are given."""
