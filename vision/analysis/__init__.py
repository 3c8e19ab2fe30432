"""What models cost: parameters, operations, time, memory."""
