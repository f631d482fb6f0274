"""Which clips stay, and which pictures stand for them."""
