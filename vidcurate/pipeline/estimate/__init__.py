"""What a run will take: time, disk and requests."""
