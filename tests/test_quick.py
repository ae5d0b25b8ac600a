"""What everyday runs judge is what the claims say, read without importing them."""

import pytest

from validation import leaves


@pytest.mark.parametrize("name", leaves.names())
def test_the_text_says_what_the_claim_says(name):
    assert leaves.quick(name) == leaves.claim(name).quick


def test_every_engine_of_today_has_a_control_on_everyday_runs():
    for engine in ("energy_flow", "lattice_field", "probabilistic_field", "tensor_field"):
        assert leaves.quick(f"{engine}_null")
