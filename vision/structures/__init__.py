"""Results, as data: what an inferencer finds out, whoever shows or stores it."""
