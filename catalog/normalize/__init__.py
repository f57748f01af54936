"""Pure rules: money, meters, modalities, ids, dates, text. No I/O, no clock, no Django."""
