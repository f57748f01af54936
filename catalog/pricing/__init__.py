"""What a price counts, when it holds, and what a workload costs. Pure."""
