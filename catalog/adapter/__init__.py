"""What every gateway's adapter is: the contract, its errors, and the suite that holds adapters to it."""
