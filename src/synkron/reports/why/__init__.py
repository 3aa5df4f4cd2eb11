"""Why an integration did or did not run at a minute, in words. Pure: ``facts`` in, sentences out."""

from synkron.reports.why.facts import AuditFacts, Facts, PauseFacts, RunFacts
from synkron.reports.why.sentences import explain

__all__ = ["AuditFacts", "Facts", "PauseFacts", "RunFacts", "explain"]
