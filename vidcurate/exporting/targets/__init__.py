"""The formats that an export can have, one module each."""
