"""Every stage, one small file each: its options, one function and one declaration."""
