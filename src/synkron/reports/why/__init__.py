"""Why an integration did or did not run at a minute, in words: ``facts`` in, ``sentences`` out."""
