"""What a price counts, when it applies, and what a workload costs. Pure."""
