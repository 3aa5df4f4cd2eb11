"""The commands of ``synkron``, one file for each noun, or for each that has none."""
