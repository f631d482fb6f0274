"""From a config to work done."""
