import math
import random

import pytest

from aim.crypto.public_keys import InvalidPublicKeyError, parse_public_key
from aim.crypto.weak_keys import ed25519_problems, rsa_problems
from tests.crypto import keys, rfc9421

pytestmark = pytest.mark.requirement("W2.6")
SMALL = math.prod(n for n in range(2, 10_000) if all(n % d for d in range(2, math.isqrt(n) + 1)))
HONEST = keys.modulus(rfc9421.RSA_B12)


def rough(bits, start=None):
    """A number without small factors, which is all that the searches for structure need."""
    number = start or random.getrandbits(bits) | 3 << (bits - 2)
    while math.gcd(number, SMALL) != 1:
        number += 1
    return number


def close_factors():
    p = rough(1024)
    # Too far apart to be found by the root alone, near enough for a bounded search.
    return p * rough(1024, p + (1 << 516))


def roca():
    block = math.prod(n for n in range(3, 168) if all(n % d for d in range(2, math.isqrt(n) + 1)))
    while True:
        p, q = (
            (random.getrandbits(806) | 3 << 804) * 2 * block + pow(65537, random.getrandbits(60), 2 * block)
            for _ in range(2)
        )
        if math.gcd(p * q, SMALL) == 1 and (p * q).bit_length() <= 4096:
            return p * q


def refused(pem):
    with pytest.raises(InvalidPublicKeyError) as raised:
        parse_public_key(pem)
    assert raised.value.code == "weak_key"
    return " ".join(raised.value.problems)


@pytest.mark.parametrize(
    ("word", "modulus"),
    [
        ("even", lambda: HONEST - 1),
        ("factor below", lambda: 9973 * rough(2040)),
        ("power", lambda: rough(1024) ** 2),
        ("power", lambda: rough(683) ** 3),
        ("power", lambda: rough(100) ** 23),
        ("close", close_factors),
        ("ROCA", roca),
        ("prime", lambda: 2**2203 - 1),
        ("has 1024", lambda: rough(512) * rough(512)),
        ("has 2047", lambda: 2**2046 + 1),
        ("has 8192", lambda: rough(8192)),
        ("even", lambda: 2),
        ("has 1.", lambda: 1),
        ("even", lambda: 0),
    ],
)
def test_weak_moduli_are_refused_by_name(word, modulus):
    assert word in refused(keys.rsa_pem(modulus()))


@pytest.mark.parametrize("exponent", [1, 2, 3, 17, 65536, 65539, HONEST])
def test_only_one_exponent_is_accepted(exponent):
    assert "65537" in refused(keys.rsa_pem(HONEST, exponent))


def test_every_problem_of_a_key_is_named():
    problems = rsa_problems(2**1023, 3)
    assert len(problems) == 3


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_products_of_two_distant_numbers_have_no_problem(bits):
    assert rsa_problems(rough(bits // 2) * rough(bits // 2), 65537) == []


def test_low_order_and_mixed_order_points_are_refused():
    torsion = keys.torsion_point()
    honest = keys.multiply(12345, keys.BASE_POINT)
    for multiple in range(8):
        low = keys.multiply(multiple, torsion)
        assert ed25519_problems(keys.encode(low))
        assert multiple == 0 or ed25519_problems(keys.encode(keys.add(honest, low)))
        assert "point" in refused(keys.ed25519_pem(keys.encode(low)))
    assert ed25519_problems(keys.encode(honest)) == []


@pytest.mark.parametrize("above", range(19))
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_coordinates_that_are_not_canonical_are_refused(above, sign):
    assert "canonical" in refused(keys.ed25519_pem((keys.PRIME + above | sign).to_bytes(32, "little")))


def test_the_other_sign_of_zero_and_points_off_the_curve_are_refused():
    assert refused(keys.ed25519_pem((1 | 1 << 255).to_bytes(32, "little")))
    off = next(y for y in range(2, 100) if keys.recover(y) is None)
    assert refused(keys.ed25519_pem(off.to_bytes(32, "little")))
