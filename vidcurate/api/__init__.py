"""What `import vidcurate` offers: runs, stages as functions, and a data set as an object."""
