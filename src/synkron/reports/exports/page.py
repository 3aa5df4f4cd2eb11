"""A report as one page that needs nothing else: no script, no network. It can be read, kept and printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from synkron.reports.exports.figures import Line
from synkron.reports.exports.plot import LEGEND, axis, bars, strip
from synkron.reports.exports.sentences import WORDS, Told
from synkron.text import printable

# What a person can still read, and a browser show at once; --csv has everything.
MOST_FAULTS = 500
MOST_WHOLE = 2000
MOST_STRETCHES = 5


def page(told: Told) -> str:
    """The page, in ASCII, so that no encoding can spoil it."""
    report = told.report
    whole = [line for line in report.lines if line.is_whole]
    written = Template(files("synkron").joinpath("reports/exports/page.html").read_text("utf-8")).substitute(
        title=_text(told.heading),
        remarks=_items("p", told.remarks),
        sentences=_items("li", told.summary()),
        plot=_plot(told),
        faults=_faults(told, told.faults),
        whole=_whole(told, whole),
        made=f"{report.now.astimezone(told.range.zone):%Y-%m-%d %H:%M}",
    )
    return written.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _plot(told: Told) -> str:
    """A row of bars for each type over the time of the range."""
    if not told.report.types:
        return ""
    rows = "".join(
        f"<tr><th>{_text(line.integration_type)}</th><td>{bars(line, told.report.window, told.of_type(line))}</td></tr>"
        for line in told.report.types
    )
    legend = "".join(f'<span><i class="{name}"></i>{_text(words)}</span>' for name, words in LEGEND.items())
    return (
        f'<figure><table class="plot">{rows}<tr><th></th><td>{axis(told.report.window, told.range.zone)}</td></tr>'
        f"</table><figcaption>{legend}</figcaption></figure>"
    )


def _faults(told: Told, faults: Sequence[Line]) -> str:
    if not faults:
        return "<p>Everything that was due is exported.</p>" if told.report.lines else ""
    rows = "".join(
        "<tr>"
        f'<td>{_text(line.integration_type)}</td><td class="name">{_text(told.name_of(line))}</td>'
        f'<td class="number">{_text(told.share(line))}</td>'
        f"<td>{strip(line, told.report.window)}<ul>{_items('li', _stretches(told, line))}</ul></td>"
        "</tr>"
        for line in faults[:MOST_FAULTS]
    )
    return (
        "<h2>Not exported</h2><table><thead><tr><th>Type</th><th>Organization</th><th>Exported</th>"
        f'<th class="time">Time that no successful export covers</th></tr></thead><tbody>{rows}</tbody></table>'
        + _more(len(faults) - MOST_FAULTS)
    )


def _stretches(told: Told, line: Line) -> Iterator[str]:
    for one in line.uncovered[:MOST_STRETCHES]:
        detail = f": {one.detail}" if one.detail else ""
        run = f" (run {one.run_id})" if one.run_id else ""
        yield f"{told.when(one.window)} {WORDS[one.reason]}{detail}{run}"
    if (more := len(line.uncovered) - MOST_STRETCHES) > 0:
        yield f"and {more:,} more {'stretch' if more == 1 else 'stretches'}"


def _whole(told: Told, whole: Sequence[Line]) -> str:
    if not whole:
        return ""
    rows = "".join(
        f'<tr><td>{_text(line.integration_type)}</td><td class="name">{_text(told.name_of(line))}</td>'
        f'<td class="number">{_text(told.share(line))}</td></tr>'
        for line in whole[:MOST_WHOLE]
    )
    return (
        "<h2>Exported</h2><table><thead><tr><th>Type</th><th>Organization</th><th>Exported</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>" + _more(len(whole) - MOST_WHOLE)
    )


def _more(number: int) -> str:
    return f"<p>And {number:,} more: <code>synkron report --csv</code> lists all.</p>" if number > 0 else ""


def _items(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in texts)


def _text(text: str) -> str:
    return escape(printable(text))
