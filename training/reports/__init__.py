"""What figures look like to people: tables, pages, and the comparison of several weights."""
