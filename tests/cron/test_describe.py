"""The sentence of an expression, which comes from what it selects."""

from __future__ import annotations

import pytest
from hypothesis import given

from synkron.cron import parse
from tests.cron.expressions import texts

SENTENCES = [
    ("* * * * *", "Every minute."),
    ("*/15 * * * *", "Every 15 minutes."),
    ("0,15,30,45 * * * *", "Every 15 minutes."),
    ("0 * * * *", "At minute 0 of every hour."),
    ("*/7 * * * *", "At minutes 0, 7, 14 and so on to 56 of every hour."),
    ("5,35 * * * *", "At minutes 5 and 35 of every hour."),
    ("* 3 * * *", "Every minute from 03:00 to 03:59 every day."),
    ("*/10 9-17 * * *", "Every 10 minutes from 09:00 to 17:50 every day."),
    ("*/10 1,5,7 * * *", "Every 10 minutes in hours 1, 5 and 7 every day."),
    ("30 */2 * * *", "At minute 30 of hours 0, 2, 4 and so on to 22 every day."),
    ("0 2 * * *", "At 02:00 every day."),
    ("5,35 9,17 * * *", "At 09:05, 09:35, 17:05 and 17:35 every day."),
    ("0 9 * * 1-5", "At 09:00 on Monday to Friday."),
    ("0 9 * * 5-7", "At 09:00 on Friday to Sunday."),
    ("0 9 * * 7,1,3", "At 09:00 on Monday, Wednesday and Sunday."),
    ("0 2 1,15 * *", "At 02:00 on days 1 and 15 of the month."),
    ("0 2 */2 * *", "At 02:00 on days 1, 3, 5 and so on to 31 of the month."),
    ("0 2 31 * *", "At 02:00 on day 31 of the month; months without that day are skipped."),
    ("0 2 30,31 * *", "At 02:00 on days 30 and 31 of the month; months without those days are skipped."),
    ("0 2 31 1,12 *", "At 02:00 on day 31 of the month in January and December."),
    ("0 0 29 2 *", "At 00:00 on day 29 of the month in February; months without that day are skipped."),
    ("0 0 * 6-8 *", "At 00:00 every day in June to August."),
    ("*/5 * * 12 *", "Every 5 minutes in December."),
    ("0 0 13 * 5", "At 00:00 on day 13 of the month, and also on Friday."),
    ("0 0 */2 * 5", "At 00:00 on days 1, 3, 5 and so on to 31 of the month, but only on Friday."),
    ("0 9 1-31 * 1", "At 09:00 every day."),
    ("0 9 13 * 0-6", "At 09:00 every day."),
    ("0 0 31 2 *", "Never: February has no day 31."),
    ("0 0 31 4,6 *", "Never: April and June have no day 31."),
]


BOKMAL = [
    ("* * * * *", "Hvert minutt."),
    ("*/15 * * * *", "Hvert 15. minutt."),
    ("0 * * * *", "I minutt 0 i hver time."),
    ("*/7 * * * *", "I minutt 0, 7, 14 og så videre til 56 i hver time."),
    ("* 3 * * *", "Hvert minutt fra 03:00 til 03:59 hver dag."),
    ("*/10 1,5,7 * * *", "Hvert 10. minutt i time 1, 5 og 7 hver dag."),
    ("30 */2 * * *", "I minutt 30 i time 0, 2, 4 og så videre til 22 hver dag."),
    ("5,35 9,17 * * *", "Kl. 09:05, 09:35, 17:05 og 17:35 hver dag."),
    ("0 9 * * 1-5", "Kl. 09:00 hver mandag til fredag."),
    ("0 9 * * 7,1,3", "Kl. 09:00 hver mandag, onsdag og søndag."),
    ("0 2 1,15 * *", "Kl. 02:00 den 1. og 15. i måneden."),
    ("0 2 31 * *", "Kl. 02:00 den 31. i måneden; måneder uten den dagen hoppes over."),
    ("0 2 31 1,12 *", "Kl. 02:00 den 31. i måneden i januar og desember."),
    ("0 0 13 * 5", "Kl. 00:00 den 13. i måneden, og i tillegg hver fredag."),
    ("0 0 */2 * 5", "Kl. 00:00 den 1., 3., 5. og så videre til 31. i måneden, men bare når det er fredag."),
    ("0 0 31 4,6 *", "Aldri: april og juni har ingen 31. dag."),
]


@pytest.mark.parametrize(("text", "sentence"), SENTENCES, ids=[text for text, _ in SENTENCES])
def test_the_sentence(text: str, sentence: str) -> None:
    assert parse(text).describe() == sentence


@pytest.mark.parametrize(("text", "sentence"), BOKMAL, ids=[text for text, _ in BOKMAL])
def test_the_sentence_in_bokmal(text: str, sentence: str) -> None:
    assert parse(text).describe("nb") == sentence


@given(texts)
def test_every_expression_has_one_sentence(text: str) -> None:
    sentence = parse(text).describe()
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence.count(".") == 1
    assert sentence.startswith("Never:") == parse(text).never_fires
    assert "  " not in sentence


@given(texts)
def test_another_way_of_writing_it_has_the_same_sentence(text: str) -> None:
    """A description that followed the text would differ."""
    assert parse(spelt_out(text)).describe() == parse(text).describe()


def spelt_out(text: str) -> str:
    """The same expression with every number listed, which keeps what the stars of the day fields decide."""
    from synkron.cron.pattern import bits

    cron = parse(text)
    masks = (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays)
    fields = [",".join(map(str, bits(mask))) for mask in masks]
    if not cron.either_day:
        full = (cron.days.bit_count() == 31, cron.weekdays.bit_count() == 7)
        if full[0]:
            fields[2] = "*"
        elif full[1]:
            fields[4] = "*"
        else:
            fields[2], fields[4] = text.split()[2], text.split()[4]
    return " ".join(fields)
