"""One module for each command of `densehybrid`; its docstring is the help."""
