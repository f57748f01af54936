"""Pure rules for counts, modalities, ids, dates and text. They use no I/O, no clock and no Django."""
