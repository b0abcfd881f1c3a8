"""Finds public keys whose private half can be computed, or which fit more than one signature."""

import math
from functools import cache

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from nacl.bindings import crypto_core_ed25519_is_valid_point

RSA_MIN_BITS, RSA_MAX_BITS, RSA_EXPONENT = 2048, 4096, 65537
_SMALL_FACTOR_LIMIT = 10_000
_FERMAT_STEPS = 1_000
_ED25519_PRIME = 2**255 - 19
# The residues modulo these primes betray the generator of CVE-2017-15361 (Nemec et al., CCS 2017, section 4.1).
_ROCA_PRIME_LIMIT = 168


def rsa_problems(modulus: int, exponent: int) -> list[str]:
    """A sentence for each weakness of an RSA public key; takes up to about 0.2 s for 4096 bits."""
    bits = modulus.bit_length()
    problems = []
    if not RSA_MIN_BITS <= bits <= RSA_MAX_BITS:
        sentence = ngettext(
            "RSA keys need %(least)s to %(most)s bit; this one has %(bits)s.",
            "RSA keys need %(least)s to %(most)s bits; this one has %(bits)s.",
            RSA_MAX_BITS,
        )
        problems.append(sentence % {"least": RSA_MIN_BITS, "most": RSA_MAX_BITS, "bits": bits})
    if exponent != RSA_EXPONENT:
        problems.append(_("The RSA public exponent must be %(exponent)s.") % {"exponent": RSA_EXPONENT})
    weakness = _modulus_weakness(modulus) if bits <= RSA_MAX_BITS else None
    if weakness:
        problems.append(
            _("The RSA modulus is weak: %(weakness)s. Make a new key pair with a current OpenSSL.")
            % {"weakness": weakness}
        )
    return problems


def _modulus_weakness(modulus: int) -> str | None:
    if modulus % 2 == 0:
        return _("it is an even number")
    if math.gcd(modulus, _product_of_small_primes()) != 1:
        return _("it has a prime factor below %(limit)s") % {"limit": _SMALL_FACTOR_LIMIT}
    if _is_power(modulus):
        return _("it is a power of a smaller number")
    if _has_close_factors(modulus):
        return _("its two primes are too close to each other")
    if _looks_like_roca(modulus):
        return _("it comes from a key generator with a known flaw (ROCA, CVE-2017-15361)")
    if pow(2, modulus - 1, modulus) == 1:
        return _("it is a prime number itself")
    return None


def ed25519_problems(point: bytes) -> list[str]:
    """A sentence if the 32 bytes are no canonical point of the prime-order group (RFC 8032 section 5.1)."""
    if int.from_bytes(point, "little") & (2**255 - 1) >= _ED25519_PRIME:
        return [_("The Ed25519 key is not in canonical form (its coordinate is not below the field's prime).")]
    if not crypto_core_ed25519_is_valid_point(point):
        return [
            _("The Ed25519 key is not a valid point: off the curve, of low order, or outside the prime-order group.")
        ]
    return []


@cache
def _primes_below(limit: int) -> tuple[int, ...]:
    composite = bytearray(limit)
    for number in range(2, math.isqrt(limit) + 1):
        composite[number * number :: number] = b"\1" * len(composite[number * number :: number])
    return tuple(number for number in range(2, limit) if not composite[number])


@cache
def _product_of_small_primes() -> int:
    return math.prod(_primes_below(_SMALL_FACTOR_LIMIT))


def _is_power(number: int) -> bool:
    # Small factors are excluded already, so a base has more than 13 bits and the exponent is bounded by that.
    longest = number.bit_length() // 13 + 1
    return any(_root(number, degree) ** degree == number for degree in _primes_below(longest + 1))


def _root(number: int, degree: int) -> int:
    guess = 1 << -(-number.bit_length() // degree)
    while True:
        better = ((degree - 1) * guess + number // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better


def _has_close_factors(modulus: int) -> bool:
    middle = math.isqrt(modulus) + 1
    for step in range(_FERMAT_STEPS):
        square = (middle + step) ** 2 - modulus
        # Squares are 0, 1, 4 or 9 modulo 16: three of four candidates need no root.
        if square & 15 in {0, 1, 4, 9} and math.isqrt(square) ** 2 == square:
            return True
    return False


@cache
def _roca_residues() -> tuple[tuple[int, frozenset[int]], ...]:
    return tuple(
        (prime, frozenset(pow(RSA_EXPONENT, power, prime) for power in range(prime - 1)))
        for prime in _primes_below(_ROCA_PRIME_LIMIT)
        if prime % 2
    )


def _looks_like_roca(modulus: int) -> bool:
    return all(modulus % prime in residues for prime, residues in _roca_residues())
