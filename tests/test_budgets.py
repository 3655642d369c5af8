"""The table of budgets that all notebooks read."""

import pytest

from pyramidcolor.budgets import BUDGETS, budget


def test_the_budgets_are_the_four_that_notebooks_may_name_from_small_to_large():
    assert list(BUDGETS) == ["smoke", "cpu", "gpu", "full"]
    sides = [BUDGETS[name].photo_side for name in BUDGETS]
    assert sides == sorted(sides)
    assert sides[0] >= 32


@pytest.mark.parametrize("name", ["", "CPU", "tiny"])
def test_a_name_that_is_no_budget_is_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match="smoke, cpu, gpu, full"):
        budget(name)
