"""What is drawn over pictures, and the legend beside it."""
