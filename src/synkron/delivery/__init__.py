"""From a job to an outcome: the worker, its targets, warm-up, hold and completion."""
