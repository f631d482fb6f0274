"""The finished data set: what trainers will do with clips, the layouts they read, the folder."""
