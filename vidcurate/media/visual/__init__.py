"""What pictures show, measured without a model."""
