"""What a scan costs: time, memory and cores."""
