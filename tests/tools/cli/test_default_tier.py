"""What everyday runs judge is what the claims say, read without importing them."""

import pytest

from validation import discovery


@pytest.mark.parametrize("name", discovery.names())
def test_the_text_says_what_the_claim_says(name):
    assert discovery.quick(name) == discovery.claim(name).quick


def test_every_engine_of_today_has_a_control_on_everyday_runs():
    for engine in ("energy_flow", "lattice_field", "probabilistic_field", "tensor_field"):
        assert discovery.quick(f"{engine}_null")
