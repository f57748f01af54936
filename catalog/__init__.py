"""The catalogue. `docs/architecture.md` tells which package stands on which floor, and why."""
