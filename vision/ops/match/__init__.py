"""Match attention."""
