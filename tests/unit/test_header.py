"""A first record that is data is not taken for a header without saying so."""

from __future__ import annotations

import pytest

from rai_scale.tables.header import Header, header_of

PEOPLE = ["Smith,Berlin,asthma", "Miller,Paris,migraine", "Davis,Rome,asthma"] * 5
NUMBERED = ["Anna Smith,101", "Mark Miller,233", "Sue Davis,377"] * 5


def told(*lines):
    return header_of([line.split(",") for line in lines])


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["Quintanilla,leukemia since 2019,12 Elm Street"], Header.NO),
        (["Quintanilla"], Header.NO),
        (["id,email"], Header.YES),
        (["Date of Birth,fullName"], Header.YES),
        (["Quintanilla,Pforzheim,leukemia", *PEOPLE], Header.DOUBTFUL),
        (["12 Elm Street", "Anna Smith", "Mark Miller"], Header.DOUBTFUL),
        (["kq,HIV positive since birth", *NUMBERED], Header.DOUBTFUL),
        (["Quintanilla,unknown", *NUMBERED], Header.DOUBTFUL),
        (["Zebediah Quux,n/a", *NUMBERED], Header.DOUBTFUL),
        (["Zebediah Quux", "5", "6"], Header.DOUBTFUL),
        (["john_smith,asthma", "eve_miller,gout", "sue_davis,none"], Header.DOUBTFUL),
        (["name,city,diagnosis", *PEOPLE], Header.YES),
        (["Name,Ort,Diagnose", *PEOPLE], Header.YES),
        (["person,number", *NUMBERED], Header.YES),
        (["id,名前", "1,山田", "2,鈴木"], Header.YES),
        (["a,b", "1,2"], Header.YES),
        (["anna@example.com,x", "b@example.com,y"], Header.NO),
    ],
)
def test_what_the_first_record_is(lines, wanted):
    assert told(*lines) is wanted
