"""What to do about an error, in the words of commands."""

from __future__ import annotations

from collections.abc import Mapping

from synkron.errors import Advice

WORDS: Mapping[Advice, str] = {
    Advice.LIST_INTEGRATIONS: "`synkron next` lists those due next.",
    Advice.LIST_RUNS: "`synkron runs` lists those there are.",
    Advice.LIST_PAUSES: "`synkron pauses` lists the active ones.",
    Advice.LIST_SILENCES: "`synkron incidents silences` lists the active ones.",
    Advice.LIST_INCIDENTS: "`synkron incidents` lists the open ones; with --all, all of them.",
    Advice.LIST_OVERRIDES: "`synkron overrides` lists those that have.",
    Advice.LIST_TOKENS: "`synkron token list` lists them.",
    Advice.LIST_PEOPLE: "`synkron people list` lists them.",
    Advice.LIST_NODES: "`synkron nodes` lists the processes.",
    Advice.LIST_FAULTS: "`synkron check` says why.",
    Advice.SEE_HEALTH: "`synkron health` shows the result.",
    Advice.SEE_UPCOMING: "To see what will be due, use `synkron due --at`.",
    Advice.NAME_TYPE: "Name one with --type:",
    Advice.NAME_ORGANIZATION: "Name one with --org:",
    Advice.NAME_FORMER_ORGANIZATION: "If one had it, name it with --org.",
    Advice.NAME_INTEGRATION: "Name one: --integration.",
    Advice.NAME_COPY: "Give the copy another: --installation.",
    Advice.LEAVE_NAME_OUT: "Leave --installation out, or correct the settings.",
    Advice.CHANGE_PERSON: (
        "Change what they may with `synkron people permit`, and their password with `synkron people password`."
    ),
    Advice.REVOKE_FIRST: "Choose another name, or revoke it first with `synkron token revoke {name}`.",
    Advice.RESUME_FIRST: "Resume it first: `synkron resume --number {number}`.",
    Advice.PAUSE_ANEW: "To change it, end it with `synkron resume --number {number}`, and pause again.",
    Advice.END_LATER: "Give a later --until, or a duration with --for.",
    Advice.EXPIRE_LATER: 'Give a later time, such as `--expires "in 90d"`.',
    Advice.BEGIN_LATER: "Give a later --from.",
    Advice.END_BY: "Give --to {moment} or earlier.",
    Advice.FEWER_RUNS: (
        "More than {most:,} runs need --yes: look at them with --dry-run first, or give a shorter range."
    ),
}
