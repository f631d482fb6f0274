"""Pages made from tables: one file that shows a whole data set."""
