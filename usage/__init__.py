"""How often the models of the catalogue are asked for: counted in memory, stored by the hour, shown by the day."""
