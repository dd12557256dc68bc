"""What bars are follows from where they come from."""

from types import SimpleNamespace

import pytest

from intraday_rl.app.planning.data_kind import data_kind
from intraday_rl.data.sources import HistoricalFiles, MartingaleMarket, OuMarket, SimulatedMarket

FILES, OU, MARTINGALE, SIMULATED = (
    SimpleNamespace(source=kind.__new__(kind))
    for kind in (HistoricalFiles, OuMarket, MartingaleMarket, SimulatedMarket)
)


@pytest.mark.parametrize(
    ("markets", "kind"),
    [
        ([FILES], "real"),
        ([FILES, FILES], "real"),
        ([SIMULATED, FILES], "real"),
        ([MARTINGALE], "martingale"),
        ([OU], "other"),
        ([SIMULATED], "other"),
        ([MARTINGALE, OU], "other"),
    ],
)
def test_kind_of_the_bars(markets, kind):
    assert data_kind(markets) == kind
