"""What everyday runs judge is what the claims say, read without importing them."""

from groundspeed.validation import discovery


def test_the_text_says_what_the_claim_says():
    names = discovery.names()
    assert [n for n in names if discovery.quick(n) != discovery.claim(n).quick] == []
    assert {discovery.quick(name) for name in names} == {True, False}


def test_every_engine_of_today_has_a_control_on_everyday_runs():
    for engine in ("energy_flow", "lattice_field", "probabilistic_field", "tensor_field"):
        assert discovery.quick(f"{engine}_null")
