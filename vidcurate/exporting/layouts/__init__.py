"""What folders of trainers and loaders share: captions, questions, lists, texts beside clips."""
