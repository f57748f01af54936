"""What requests cost and what they may cost: bills, reservations and budgets."""
