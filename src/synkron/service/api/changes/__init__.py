"""The routes that change something, a file for each noun."""
