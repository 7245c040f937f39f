"""A small analysis project as a researcher would write it; the rows of the table edit copies of it."""
