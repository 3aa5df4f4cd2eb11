"""From a job to an outcome: the worker, targets, warm-up, hold, completion."""
