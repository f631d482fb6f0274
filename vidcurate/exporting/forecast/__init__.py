"""What trainers will do with clips, told before a file is written."""
