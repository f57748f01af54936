"""The interface of gateway adapters: the contract, its errors, and the test suite that every adapter must pass."""
