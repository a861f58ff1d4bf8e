"""What may be believed of a file or message before it is read, for those from strangers."""
