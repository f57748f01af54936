"""Which prices are served: doubts, holds, repetitions, other sellers' prices, and the dated intervals."""
